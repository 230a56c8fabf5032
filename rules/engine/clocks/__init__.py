"""Clocks: what each device's clock shows beside receive time, and the fleet time that a quorum of them gives."""
