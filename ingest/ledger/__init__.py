"""Accounts of every reading: the recorder writes deltas and dead letters, compaction adds the deltas to totals.

API, command line and boards read the report and the dead letters; the command line and the API redrive dead letters.
"""
