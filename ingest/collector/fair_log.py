"""The fair share of each device in the raw log: what one sends beyond it waits on disk, and the others pass it.

    messages → within the share of its device → raw log
             → else, or while others of it wait → waiting file → raw log, as the share allows

Recorder and judge read the raw log in order. A device that uploads a day at once, or that sends what costs most, would
stand before all that others send after it. A message waits under its own receive time, and messages of one device keep
their order. Nothing is lost: a message is in the waiting file or the raw log before it is acknowledged, and a crash
between the two appends it again, which recorder and judge count as a duplicate.
"""

from collections.abc import Callable, Sequence
from typing import Final

from ingest.collector.senders import Senders
from ingest.collector.waiting_file import WaitingFile
from ingest.log.ports import LogWriter
from ingest.log.records import FLOOD_TOPIC, TICK_TOPIC, RawMessage

BURST_S: Final = 2.0
"""A device may use its share of so many seconds at once."""
_SMALL_BYTES: Final = 512
"""A smaller message counts as one reading."""
_BYTES_A_READING: Final = 512
"""Of a message without as many readings, such as junk: it takes time by its bytes."""
_LONG_MS: Final = 300_000
"""The buffer of a day of readings once a second waits for three minutes."""
_NAME_EVERY_MS: Final = 60_000
_MOST_DEVICES: Final = 200_000
_OWN_TOPICS: Final = frozenset({TICK_TOPIC, FLOOD_TOPIC})
"""Records of the collector itself, which no device has a share of."""
_MOST_AT_ONCE: Final = 500
"""Messages of one device that are read from the waiting file at once."""


class FairLog:
    """A raw log in which each device has a share. For one thread. `monotonic_ms` never goes back."""

    def __init__(
        self, log: LogWriter, waiting: WaitingFile, readings_per_s: float, monotonic_ms: Callable[[], int]
    ) -> None:
        """`readings_per_s`: the share of one device."""
        self._log, self._waiting, self._monotonic_ms = log, waiting, monotonic_ms
        self._interval_ms = 1000 / readings_per_s
        self._room_ms = BURST_S * 1000
        # Device → when its share is whole again, which is the whole state of a share. A past time means now.
        self._whole_at: dict[str, float] = {}
        self._senders = Senders(_MOST_DEVICES)
        self._waits_since: dict[str, int] = {}
        self._last_offset = 0

    @property
    def waits(self) -> bool:
        return bool(self._waiting.messages)

    def kept_waiting(self) -> dict[str, int]:
        """Devices whose messages have waited for longer than any upload takes, and how many; each once a minute."""
        now = self._monotonic_ms()
        found: dict[str, int] = {}
        self._waits_since = {device: self._waits_since.get(device, now) for device in self._waiting.messages}
        for device, since in self._waits_since.items():
            if now - since >= _LONG_MS:
                found[device] = self._waiting.messages[device]
                self._waits_since[device] = now - _LONG_MS + _NAME_EVERY_MS
        return found

    def waiting_devices(self) -> dict[str, int]:
        """Devices with messages that wait, and how many."""
        return dict(self._waiting.messages)

    def append(self, messages: Sequence[RawMessage]) -> int:
        """Append what is within the shares, let the rest wait, and return the last offset; all is durable on return.

        Raises RawLogFull, RawLogCorrupt.
        """
        passed, delayed = self._divide(messages)
        if delayed:
            self._waiting.add(delayed)
        if passed:
            self._last_offset = self._log.append(passed)
        return self._last_offset

    def append_waiting(self) -> int:
        """Append what waits and is now within its device's share; return how many messages. Raises as `append` does."""
        if not self._waiting.messages:
            return 0
        now, appended = self._monotonic_ms(), 0
        for device in list(self._waiting.messages):
            at = max(self._whole_at.get(device, 0.0), now - self._room_ms)
            if at > now:
                continue
            rows, due = self._waiting.oldest(device, _MOST_AT_ONCE), 0
            while due < len(rows) and at <= now:
                at += cost(rows[due][1].payload) * self._interval_ms
                due += 1
            self._log.append([message for _, message in rows[:due]])
            self._whole_at[device] = at
            self._waiting.remove(device, [number for number, _ in rows[:due]])
            appended += due
        return appended

    def _divide(self, messages: Sequence[RawMessage]) -> tuple[Sequence[RawMessage], list[tuple[str, RawMessage]]]:
        """Every message passes here: a look-up of its device, and one of its share."""
        now, interval = self._monotonic_ms(), self._interval_ms
        used_up, device_by_topic, whole_at = now + self._room_ms, self._senders.by_topic, self._whole_at
        waiting = self._waiting.messages
        delayed: dict[int, str] = {}
        delayed_devices: set[str] = set()
        for index, message in enumerate(messages):
            device = device_by_topic.get(message.topic)
            if device is None:
                if message.topic in _OWN_TOPICS:
                    continue
                device = self._senders.learn(message)
            at = whole_at.get(device, 0.0)
            if at > used_up or device in waiting or device in delayed_devices:
                delayed[index] = device
                delayed_devices.add(device)
                continue
            payload = message.payload
            readings = 1 if len(payload) < _SMALL_BYTES else cost(payload)
            whole_at[device] = (at if at > now else now) + readings * interval  # noqa: FURB136 - as in rate_limit
        if len(whole_at) > _MOST_DEVICES:
            self._whole_at = {device: at for device, at in whole_at.items() if at > now}
        if not delayed:
            return messages, []
        passed = [message for index, message in enumerate(messages) if index not in delayed]
        return passed, [(device, messages[index]) for index, device in delayed.items()]


def cost(payload: bytes) -> int:
    """About how many readings a message takes the time of, without parsing it."""
    return max(1, payload.count(b"{"), len(payload) // _BYTES_A_READING)
