"""Codes against phones: joint counts, purities, PNMI, V-measure and the majority map."""
