"""What units tell of the speaker."""
