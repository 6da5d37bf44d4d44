"""The networks: their input spectra, training, features and units."""
