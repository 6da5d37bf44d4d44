"""Rate, quality and speed beside other codecs."""
