"""A scenario in a city: city, seed and start enter; the timelines of all devices, and a fleet that plays them, leave.

`haulwatch simulate` and `haulwatch demo` run the fleet; tests read the timelines without a broker.
"""
