"""Boundaries between units against boundaries between phones, and segmentation of units."""
