"""How the default model was trained, and the ablation study behind it."""
