"""Moves a city between the raw log on disk and the raw log on Kafka: `haulwatch log migrate`.

The records of one log and the state of its readers enter; another log with the same records and readers that go on
where they were leave. Every step may be interrupted: the plan in the data directory says what is done, and the same
command goes on.
"""
