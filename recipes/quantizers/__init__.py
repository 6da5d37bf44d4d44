"""A comparison of quantizers on log-mel spectrograms."""
