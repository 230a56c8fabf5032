"""Ingestion. MQTT messages of devices enter; stored readings, ledger, alerts and commands leave.

The commands `collect`, `record`, `judge` and `serve` each run one part of it; the API reads its state.
"""
