"""`make bench`: measures the cost and speed of the path on this machine, in one run. Figures leave as tables or JSON.

Called by `make bench` (`python -m tests.bench`).
"""


class BenchFailed(Exception):
    """A stage could not be measured; the message names the cause and shows the last output of the process."""
