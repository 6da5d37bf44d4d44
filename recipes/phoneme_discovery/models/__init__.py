"""Networks: their input spectra, training, features and units."""
