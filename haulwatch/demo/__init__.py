"""The whole path on one machine, with an embedded broker, embedded stores and simulated devices.

Options enter; a running demo and its summary leave. `haulwatch demo` calls it.
"""
