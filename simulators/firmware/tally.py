"""What a fleet has published, to the reading, so that somebody else can check that nothing was lost."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from devices.readings.models import Kind


class Tally:
    """Counts readings; a message that cannot be decoded counts as one.

    What the broker took is at least `published` and at most `published + unacknowledged`: a message whose PUBACK
    never came may or may not have arrived.
    """

    def __init__(self) -> None:
        self.published: Counter[Kind] = Counter()
        """Readings the broker acknowledged, and last wills it is bound to send."""
        self.messages = 0
        self.unacknowledged = 0
        """Readings sent whose PUBACK has not come: in flight, or cut off for good by a broken line."""
        self.lost_on_purpose = 0
        """Readings taken and never sent: a fault of the scenario, or in the buffer when the power was cut."""
        self.overwritten = 0
        """Readings pushed out of a full buffer."""
        self.connected = 0
        self.trouble: str | None = None
        """Why a line last broke or could not be opened."""

    @contextmanager
    def sending(self, kind: Kind, readings: int) -> Iterator[None]:
        """Around one publish: counted as published if the block ends, as unacknowledged if it raises."""
        self.unacknowledged += readings
        yield
        self.unacknowledged -= readings
        self.published[kind] += readings
        self.messages += 1

    @contextmanager
    def line(self) -> Iterator[None]:
        """Around an open line."""
        self.connected += 1
        try:
            yield
        finally:
            self.connected -= 1

    def will_is_due(self) -> None:
        """The power was cut: the broker sends the last will."""
        self.published[Kind.STATUS] += 1
        self.messages += 1

    def line_broke(self, why: str) -> None:
        """A line with a last will broke unasked: the broker may have sent the will."""
        self.unacknowledged += 1
        self.trouble = why
