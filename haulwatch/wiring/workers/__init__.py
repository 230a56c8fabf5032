"""Workers on Kafka: processes that share the partitions of the raw log, as `haulwatch.wiring` builds them.

Settings enter; what a command runs until it is stopped leaves.
"""
