"""The rows of one checkpoint, made little by little while judgement goes on, each as it was at the checkpoint.

What is about to change before its row was made has its row made first (`before_change`). So all rows are of the same
instant, and no alert waits until the last row of a large city is made. It costs as much as to make them all at once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from rules.engine.device_state import DeviceState
from rules.tracking.emptyings import EmptyingSpan


class Row(NamedTuple):
    """What a checkpoint keeps of one device, and of the subject with the same id."""

    id: str
    packed: bytes
    not_judged: Mapping[str, int]
    """Readings that were not judged, by reason."""
    emptyings: Sequence[EmptyingSpan]
    """Of the last day."""


class UnwrittenRows:
    """What changed up to one instant and is not written yet."""

    def __init__(
        self,
        fleet: bytes,
        changed: Mapping[str, DeviceState | None],
        row_of: Callable[[str, DeviceState | None], Row],
    ) -> None:
        """`changed`: by id, None for a subject that is no device. `row_of` makes a row of the present state."""
        self.fleet = fleet
        """The row of what belongs to no device."""
        self.changed = changed
        self._row_of = row_of
        self._left = {**changed}
        self._made: list[Row] = []

    @property
    def left(self) -> int:
        """Rows that were not taken yet."""
        return len(self._left) + len(self._made)

    def before_change(self, id_: str) -> None:
        """Make the row of what is about to change, unless it was made."""
        if id_ in self._left:
            self._made.append(self._row_of(id_, self._left.pop(id_)))

    def make_all(self) -> None:
        """Make the rows that are left."""
        while self._left:
            self._made.append(self._row_of(*self._left.popitem()))

    def take(self, more: int, size: int) -> list[Row]:
        """The rows that were made, and at most so many `more` as long as they all take fewer bytes than `size`.

        More are made of what changed last: of a device that sends at its interval, the next reading comes last too.
        """
        taken, self._made = self._made, []
        taken_bytes = sum([len(row.packed) for row in taken])
        while self._left and more > 0 and taken_bytes < size:
            row = self._row_of(*self._left.popitem())
            taken.append(row)
            taken_bytes += len(row.packed)
            more -= 1
        return taken
