"""Feeds the boards: the state of ingestion, of alerts, of places and the judge's emptyings enter, points leave to the
time-series store.

The feeds are tasks of `haulwatch serve`.
"""
