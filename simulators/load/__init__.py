"""A load generator: a plan enters, QoS 1 publishes at the broker's full speed or at a rate leave, counted exactly.

The bench and the soak test run it as a process of its own.
"""
