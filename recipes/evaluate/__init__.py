"""Measures of decoded, converted and sampled speech."""
