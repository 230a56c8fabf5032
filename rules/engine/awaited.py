"""Registered devices that were never heard, and when each is missed."""

from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from typing import Final

from devices.city.model import Device

_HOUR_MS: Final = 3_600_000


class AwaitedDevices:
    """Devices without a state, each with the fleet time (ms) since which it is awaited.

    At most one entry a registered device, until it is heard or missed.
    """

    def __init__(self, missed_at: Callable[[Device, int], int | None]) -> None:
        """`missed_at`: fleet time, ms, at which a device awaited since the given time is missed; None if never."""
        self._missed_at = missed_at
        self.since: dict[str, int] = {}
        """By device; who hears a device takes it out."""
        self._queue: list[tuple[int, str]] = []
        """A heap of (fleet time, device id)."""

    def start(self, devices: Iterable[Device], now: int, since: Mapping[str, int]) -> None:
        """Await these devices and no others: as before where `since` has them, else from the next full hour, or from
        the start of their validity on.

        From a full hour, so that it does not depend on which of a fleet's first readings came first.
        """
        self.since, self._queue = {}, []
        now = (now // _HOUR_MS + 1) * _HOUR_MS
        for device in devices:
            begin = since.get(device.id) or max(now, device.validity.start_ms or 0)
            missed_at = self._missed_at(device, begin)
            if missed_at is not None:
                self.since[device.id] = begin
                heappush(self._queue, (missed_at, device.id))

    def pop(self, until: int) -> str | None:
        """The next device that is missed at `until` or before; None if there is none. It stays in `since`."""
        while self._queue and self._queue[0][0] <= until:
            _, device_id = heappop(self._queue)
            if device_id in self.since:
                return device_id
        return None
