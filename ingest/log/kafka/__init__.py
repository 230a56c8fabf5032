"""The raw log on Apache Kafka: a topic of a fixed number of partitions, keyed by device.

Messages enter as they do into the raw log on disk; recorder and judge read all partitions in one order. This is the
only package that imports confluent-kafka; its errors are translated here.
"""
