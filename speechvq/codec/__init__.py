"""The codec: its configuration, its network, and the object that people use."""
