"""Corpora: which they are, their alignments, what is held out, and the manifest that they are prepared as."""
