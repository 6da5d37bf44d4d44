"""Audio files and waveforms."""
