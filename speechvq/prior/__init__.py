"""The prior: how probable codes are, what could come next, and how few bits they need."""
