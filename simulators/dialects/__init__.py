"""Simulated devices that do not speak Haulwatch's own dialect: each speaks its protocol on the wire, with faults.

`haulwatch simulate --dialect` and the tests of the gateways call them. One package or module a dialect.
"""
