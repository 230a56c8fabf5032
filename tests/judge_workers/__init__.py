"""Judges that share the partitions of a raw log on Kafka, as processes that a test kills, pauses, adds and removes."""
