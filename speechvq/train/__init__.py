"""Training: an experiment in TOML, a plain loop over Fabric, checkpoints that resume exactly, export to one file."""
