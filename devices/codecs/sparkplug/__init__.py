"""Sparkplug B 3.0: what sorting lines and stations send through an edge node.

`payload` reads and writes its Protobuf, `topics` its topics. The codec reads what the gateway republishes
(`ingest.gateways.sparkplug`): messages of one device whose metrics have their names and types, so that no message needs
another one.
"""
