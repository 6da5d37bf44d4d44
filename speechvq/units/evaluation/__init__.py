"""All scores of units, their metrics and tables, and result files."""
