"""What a reading costs to decode in each dialect, beside native JSON."""
