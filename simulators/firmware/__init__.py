"""One device: sensor events and commands enter, MQTT messages leave, as from a real terminal over a bad network.

`simulators.staging` runs a fleet of them; `simulators.recordings` uses only their link to the broker.
"""
