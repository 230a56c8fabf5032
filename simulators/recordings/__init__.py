"""Recordings of real vehicles: files enter, readings leave; the playback publishes them over MQTT.

`haulwatch simulate` and tests call them.
"""
