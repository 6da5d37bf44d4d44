"""Phone alignments: the record, readers and writers."""
