"""Simulated devices: a city and a seed, a recording or a load plan enter; MQTT messages leave.

`haulwatch simulate`, `haulwatch demo`, the bench and tests call them. They know `devices` only, so that no
simulator can be built to please the rules.
"""
