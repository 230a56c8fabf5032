"""The host application of Sparkplug B: edge nodes enter, messages that stand alone leave.

`sessions` is the pure part: births, deaths, aliases, sequence numbers, requests for rebirth. `host` connects it to the
broker. What it republishes on `haulwatch/v1/{device}/sparkplug` is read by `devices.codecs.sparkplug`.
"""
