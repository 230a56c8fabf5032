"""Judges the raw log: records enter, alert changes leave to the alert journal. It never touches the time-series store.

Called by `haulwatch judge`; by `haulwatch ledger`, bench and chaos for a replay.
"""
