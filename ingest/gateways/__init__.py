"""Gateways: devices that do not speak MQTT reach the broker through them.

A gateway does transport only. It publishes the bytes of a device as they came, at QoS 1 on
`haulwatch/v1/{device}/{dialect}`, and answers the device after the broker has acknowledged them. What the bytes say is
read by the codec of the dialect (`devices.codecs`). `publisher` is shared; each gateway is a package beside it.
"""
