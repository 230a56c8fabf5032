"""Feeds the boards: the state of ingestion, of alerts and of places enters, points leave to the time-series store.

The board feed is a task of `haulwatch serve`.
"""
