"""Geometry without a city: positions, datums, the metric plane and its grid. Pure.

`devices.city`, rules and simulators call it.
"""
