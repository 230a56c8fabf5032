"""Thresholds of rule `device_datum`."""

from rules.contract.rule import Parameters


class DeviceDatumParameters(Parameters):
    """None: what makes a datum recognised belongs to tracking (`rules.tracking.datum`), which all rules share."""
