"""Adds up ledger deltas by device. Pure, and compiled: every reading passes here."""

import json
from collections.abc import Iterable, Mapping
from struct import Struct
from typing import Final, NamedTuple

from ingest.ledger.device_health import updated_health

ReadingEntry = tuple[str, int | None, int | None, int | None, bool]
"""One reading: the device id it is counted under; received_at, ms, None if the disk has spoiled it; seq and ts (device
time, ms) for the device's health, None where they are missing; whether it was accepted. One is made for each reading: a
bare tuple is the cheapest."""
FloodEntry = tuple[str, int, int, int]
"""A flood: device id, received_at of its first and last message (ms), and how many messages."""

_SAMPLE: Final = Struct("<3q")
"""seq, ts, received_at of an entry. A tuple of them would take eight times as much memory."""
_NONE: Final = -1
"""No number and no time."""
_NEVER: Final = 1 << 60


class _DeviceSum:
    """What the deltas add to one device."""

    def __init__(self) -> None:
        self.received = 0
        self.duplicate = 0
        self.quarantined = 0
        self.first_at = _NEVER
        self.last_at = _NONE
        self.heard_at = _NONE
        self.newest = _NONE
        self.samples = bytearray()
        """Packed, for the device's health."""
        self.corrected: dict[str, int] = {}

    def extend_span(self, first_at: int, last_at: int) -> None:
        self.first_at = min(self.first_at, first_at)
        self.last_at = max(self.last_at, last_at)


class DeviceTotals(NamedTuple):
    """A row of table `ledger`, in the order of its columns."""

    device_id: str
    """Empty: readings that name no device, or an unregistered one without a row of its own."""
    received: int = 0
    duplicate: int = 0
    stored: int = 0
    """Including those still in the outbox."""
    first_seen: int | None = None
    last_seen: int | None = None
    newest: int | None = None
    health: bytes | None = None
    """Packed; column `watch`."""
    last_delta: int = 0
    """Number of the newest delta in the row; column `posted`."""
    heard_at: int | None = None
    """Receive time, ms, of the last message with a new reading: what was sent before, what the broker replays and what
    is refused are no sign of life."""
    corrected: str | None = None
    """JSON: corrected values by name; see `ingest.ledger.corrected`."""


class PendingDeltas:
    """Deltas added up by device, in little memory: 24 bytes a reading and some 200 a device."""

    def __init__(self, last_deltas: Mapping[str, int]) -> None:
        """`last_deltas`: for devices whose row has some of the deltas already, the newest one in it."""
        self._last_deltas = last_deltas
        self._sums: dict[str, _DeviceSum] = {}

    def add(  # noqa: C901 - one loop for each part of a delta
        self,
        number: int,
        entries: Iterable[ReadingEntry],
        others: Mapping[str, tuple[int, int]],
        floods: Iterable[FloodEntry],
        newest: Mapping[str, int],
        corrected: Mapping[str, Mapping[str, int]],
        heard: Mapping[str, int],
    ) -> None:
        """Add delta `number`; see `ingest.ledger.deltas.LedgerDelta`. Deltas come in their order."""
        self._add_readings(number, entries)
        last_deltas = self._last_deltas
        for device_id, (duplicate, quarantined) in others.items():
            if last_deltas.get(device_id, 0) < number:
                device_sum = self._sum_of(device_id)
                device_sum.duplicate += duplicate
                device_sum.quarantined += quarantined
        for device_id, first_at, last_at, messages in floods:
            if last_deltas.get(device_id, 0) < number:
                device_sum = self._sum_of(device_id)
                device_sum.received += messages
                device_sum.extend_span(first_at, last_at)
        for device_id, newest_ts in newest.items():
            if last_deltas.get(device_id, 0) < number:
                device_sum = self._sum_of(device_id)
                device_sum.newest = max(device_sum.newest, newest_ts)
        for device_id, heard_at in heard.items():
            if last_deltas.get(device_id, 0) < number:
                device_sum = self._sum_of(device_id)
                device_sum.heard_at = max(device_sum.heard_at, heard_at)
        for device_id, counts in corrected.items():
            if last_deltas.get(device_id, 0) < number:
                _add_counts(self._sum_of(device_id).corrected, counts)

    def _add_readings(self, number: int, entries: Iterable[ReadingEntry]) -> None:
        last_deltas = self._last_deltas
        for device_id, received_at, seq, ts, accepted in entries:
            if last_deltas and last_deltas.get(device_id, 0) >= number:
                continue
            device_sum = self._sum_of(device_id)
            device_sum.received += 1
            at = _NONE if received_at is None else received_at
            if received_at is not None:
                device_sum.extend_span(at, at)
            if accepted and ts is not None and ts > device_sum.newest:
                device_sum.newest = ts
            # The empty id stands for many devices: it has no health.
            if device_id and (seq is not None or ts is not None):
                device_sum.samples += _SAMPLE.pack(_NONE if seq is None else seq, _NONE if ts is None else ts, at)

    def device_ids(self) -> list[str]:
        """Sorted: neighbours in the ledger's table are written together."""
        return sorted(self._sums)

    def added_to(self, totals: DeviceTotals, last_delta: int) -> DeviceTotals:
        """New totals of a device; `last_delta` is the number of the last delta that was added."""
        device_sum = self._sums.get(totals.device_id)
        if device_sum is None:
            return totals._replace(last_delta=last_delta)
        first = device_sum.first_at if totals.first_seen is None else min(totals.first_seen, device_sum.first_at)
        last = device_sum.last_at if totals.last_seen is None else max(totals.last_seen, device_sum.last_at)
        newest = device_sum.newest if totals.newest is None else max(totals.newest, device_sum.newest)
        return DeviceTotals(
            totals.device_id,
            totals.received + device_sum.received,
            totals.duplicate + device_sum.duplicate,
            totals.stored + device_sum.received - device_sum.duplicate - device_sum.quarantined,
            None if first == _NEVER else first,
            None if last == _NONE else last,
            None if newest == _NONE else newest,
            updated_health(totals.health, _unpacked(device_sum.samples)) if device_sum.samples else totals.health,
            last_delta,
            totals.heard_at if device_sum.heard_at == _NONE else max(totals.heard_at or 0, device_sum.heard_at),
            _added(totals.corrected, device_sum.corrected),
        )

    def _sum_of(self, device_id: str) -> _DeviceSum:
        device_sum = self._sums.get(device_id)
        if device_sum is None:
            device_sum = self._sums[device_id] = _DeviceSum()
        return device_sum


def _added(packed: str | None, more: Mapping[str, int]) -> str | None:
    if not more:
        return packed
    counts: dict[str, int] = {} if packed is None else json.loads(packed)
    _add_counts(counts, more)
    return json.dumps(counts, sort_keys=True)


def _add_counts(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count


def _unpacked(packed: bytearray) -> list[tuple[int | None, int | None, int]]:
    return [
        (None if seq == _NONE else seq, None if ts == _NONE else ts, at) for seq, ts, at in _SAMPLE.iter_unpack(packed)
    ]
