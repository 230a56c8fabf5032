"""The parts of processes that share the work with others of their kind, where the raw log is on Kafka."""
