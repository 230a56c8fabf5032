"""Measurements that start a Kafka of their own."""
