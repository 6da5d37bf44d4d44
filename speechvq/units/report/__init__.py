"""The report on units as one web page."""
