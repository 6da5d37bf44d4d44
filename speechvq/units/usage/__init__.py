"""Code statistics: bit rates, run lengths, usage and transitions."""
