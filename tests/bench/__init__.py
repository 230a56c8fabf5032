"""`make bench`: what the path costs and how fast it is, measured on this machine in one run."""


class BenchFailed(Exception):
    """A stage could not be measured; the message says why and shows what the process said last."""
