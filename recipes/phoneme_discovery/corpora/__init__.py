"""Corpora: layouts, alignments, checks, held-out speakers, and the prepared manifest."""
