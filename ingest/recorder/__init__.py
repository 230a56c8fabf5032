"""Moves readings from the raw log into the store: records enter; stored points, ledger deltas and dead letters leave.

`haulwatch record` runs it.
"""
