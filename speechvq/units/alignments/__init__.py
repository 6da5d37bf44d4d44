"""Alignments of phones with recordings: their form, their readers and writers."""
