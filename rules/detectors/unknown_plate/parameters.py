"""Thresholds of rule `unknown_plate`."""

from rules.contract.rule import Parameters


class UnknownPlateParameters(Parameters):
    """A plate is registered or not: there is no threshold."""
