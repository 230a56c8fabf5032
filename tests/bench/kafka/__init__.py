"""Costs on a real Kafka beside those of one machine."""
