"""Judgement by several workers, where the raw log is on Kafka: each judges the partitions that the group gives it, and
one compares devices.

    raw log, by partition → DeviceStage → verdicts, one partition → FleetStage → alert journal

Called by `haulwatch judge`. What a stage keeps is in topics, so another worker goes on where one ended.
"""
