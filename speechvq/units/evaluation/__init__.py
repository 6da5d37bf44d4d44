"""All scores of units together, and tables of them."""
