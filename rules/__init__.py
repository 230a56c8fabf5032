"""Judgement: accepted readings go in, alert changes come out; `rules.alerts` keeps them and what people did about them.

`ingest.judge` runs the engine; API, boards and alert publisher read the alert journal.
"""
