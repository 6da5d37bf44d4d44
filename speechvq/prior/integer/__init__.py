"""The prior in integer arithmetic, alike on every machine, and the range coder that relies on it."""
