"""The parts of gateways: settings enter, a gateway and its publisher leave.

One module a gateway; `haulwatch gateway NAME` calls it.
"""
