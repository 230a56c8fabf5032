"""Alerts: the judge writes alert changes in, people add actions; each alert comes out with its state and history.

`model` holds the values that rules and engine make. The API and `ingest.alerts` read `journal` and `shelves`.
"""
