"""Revisions of the tables of what recorders on Kafka have done.

They are in the one series of `haulwatch.migrations.versions`.
"""
