"""Costs of the raw log on a real Kafka beside the raw log on disk."""
