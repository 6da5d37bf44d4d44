"""Phoneme discovery: from a corpus of raw speech to a report."""
