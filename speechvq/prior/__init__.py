"""The prior: the probability of codes, for generation, scoring and entropy coding."""
