"""Training: experiments in TOML, a loop over Fabric, checkpoints that resume exactly, export."""
