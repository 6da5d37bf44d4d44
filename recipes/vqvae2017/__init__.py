"""The speech system of the VQ-VAE paper."""
