"""The prior in fixed-point arithmetic, and the coder of code files that uses it."""
