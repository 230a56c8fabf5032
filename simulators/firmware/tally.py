"""Counts each reading that a fleet published, so that others can check that nothing was lost."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from devices.readings.models import Kind


class Tally:
    """Counts readings; a message that cannot be decoded counts as one.

    The broker took at least `published` and at most `published + unacknowledged`: a message without a PUBACK may or may
    not have arrived.
    """

    def __init__(self) -> None:
        self.published: Counter[Kind] = Counter()
        """Readings the broker acknowledged, and last wills it must publish."""
        self.messages = 0
        self.unacknowledged = 0
        """Readings sent without a PUBACK yet: in flight, or cut off for good by a broken connection."""
        self.lost_on_purpose = 0
        """Readings taken and never sent: a fault of the scenario, or still in the buffer at a power cut."""
        self.overwritten = 0
        """Readings dropped from a full buffer."""
        self.connected = 0
        self.trouble: str | None = None
        """Why a connection last broke or could not be opened."""

    @contextmanager
    def sending(self, kind: Kind, readings: int) -> Iterator[None]:
        """Wrap one publish: it counts as published if the block ends, as unacknowledged if it raises."""
        self.unacknowledged += readings
        yield
        self.unacknowledged -= readings
        self.published[kind] += readings
        self.messages += 1

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Wrap an open connection."""
        self.connected += 1
        try:
            yield
        finally:
            self.connected -= 1

    def will_is_due(self) -> None:
        """Count the last will that the broker publishes after a power cut."""
        self.published[Kind.STATUS] += 1
        self.messages += 1

    def connection_broke(self, cause: str) -> None:
        """Count a broken connection that had a last will: the broker may have published it."""
        self.unacknowledged += 1
        self.trouble = cause
