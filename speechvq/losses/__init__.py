"""Training losses: likelihoods, perceptual losses, discriminators, and the bound they belong to."""
