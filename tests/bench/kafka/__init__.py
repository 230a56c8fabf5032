"""Costs on a real Kafka: of the raw log beside the log on disk, and of shared judges."""
