"""Quantizers: one kind per file, one contract for all (see `base`)."""
