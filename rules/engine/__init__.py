"""The rule engine: accepted readings go in, alert changes come out.

`ingest.judge` calls it. It uses no clock, no network and no log, and it writes its state as rows for the checkpoint.
"""
