"""Training losses: likelihoods, perceptual losses, discriminators and the bound that they are terms of."""
