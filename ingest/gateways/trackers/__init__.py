"""The gateway of phones and trackers over HTTP: the OsmAnd protocol, and what a Traccar server forwards.

`app` is the service: it answers 200 after the broker's PUBACK. `keys` says who may speak for which device; without a
key nobody does. Readings are made later, by `devices.codecs.trackers`.
"""
