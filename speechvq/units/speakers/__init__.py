"""Speaker information in units."""
