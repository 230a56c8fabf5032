"""The quarterly report of a city's indicators as PDF, with their definitions and the quality of their data on it.

A report of `rules.indicators` enters; the bytes of a PDF in one language leave. `haulwatch ledger report` calls it.
"""
