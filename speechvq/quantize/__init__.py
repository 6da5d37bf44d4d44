"""Quantizers: one idea a file, the same contract for all (see `base`)."""
