"""Speech to train on: a manifest lists it, a corpus holds it packed and draws crops."""
