"""Codes against phones: joint tables, purities, PNMI, V-measure and the majority map."""
