"""What the bytes of an uplink say, by the maker's published layout: named values with units. Pure; one module a maker.

`decoders.py` names the models. A decoder raises `PayloadError` and nothing else.
"""
