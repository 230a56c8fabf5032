"""The rate limit of each device, so that a device that floods harms only itself.

Each device has two token buckets, one of messages and one of bytes: each holds a burst and fills at the device's rate.
Messages that find one of them empty are not appended one by one but counted, in one flood record for each device and
batch, which is part of the same append: nothing is acknowledged that is not in the log. The codec of a message names
the device by the topic; payloads are not parsed.
"""

import base64
import json
from collections.abc import Sequence
from typing import Final

from ingest.collector.senders import Senders
from ingest.log.records import FLOOD_TOPIC, RawMessage

MOST_DEVICES: Final = 200_000
"""Buckets kept, some 40 MB, and half as many again for a moment: made-up ids cannot fill the memory."""
_LEAST_GRACE_MS: Final = 60_000
_SAMPLE_BYTES: Final = 1_024
"""Kept of the first message of a flood."""


class DeviceRateLimit:
    """The token buckets of all devices. Times are ms of any one clock that never goes back."""

    def __init__(
        self,
        messages_per_s: float,
        burst: int,
        most_devices: int = MOST_DEVICES,
        *,
        bytes_per_s: float = 0,
        burst_bytes: int = 0,
    ) -> None:
        """The limits hold for each device; of messages both are above 0, of bytes both, or both 0: no limit."""
        self._interval_ms = 1000 / messages_per_s
        self._room_ms = (burst - 1) * self._interval_ms
        self._byte_ms = 1000 / bytes_per_s if bytes_per_s else 0.0
        self._bytes_room_ms = burst_bytes * self._byte_ms
        self._most_devices = most_devices
        # Device → when its bucket is full again, which is the whole state of a bucket. A past time means full.
        self._full_at: dict[str, float] = {}
        self._bytes_full_at: dict[str, float] = {}
        self._senders = Senders(most_devices)
        self._filled_since: int | None = None
        self._grace_until = 0

    def away(self, since: int, now: int) -> None:
        """Note that the collector took nothing from `since` until now, while the broker kept messages for it.

        The buckets then fill beyond their size, for as long again: draining a backlog is no flood.
        """
        self._filled_since = since if self._filled_since is None else min(since, self._filled_since)
        self._grace_until = max(self._grace_until, now + max(_LEAST_GRACE_MS, now - since))

    def sift(self, messages: Sequence[RawMessage], now: int) -> tuple[Sequence[RawMessage], int]:
        """Return the messages to append in place of `messages`, in order, and how many of those are only counted."""
        if self._filled_since is not None and now >= self._grace_until:
            self._filled_since = None
        full = now if self._filled_since is None else self._filled_since
        device_by_topic = self._senders.by_topic
        empty, interval, full_at = now + self._room_ms, self._interval_ms, self._full_at
        bytes_empty, byte_ms, bytes_full_at = now + self._bytes_room_ms, self._byte_ms, self._bytes_full_at
        excess_by_device: dict[str, list[int]] = {}
        for index, message in enumerate(messages):
            topic = message.topic
            device = device_by_topic.get(topic)
            if device is None:
                device = self._senders.learn(message)
            at, bytes_at = full_at.get(device, full), bytes_full_at.get(device, full)
            if at > empty or bytes_at > bytes_empty:
                excess_by_device.setdefault(device, []).append(index)
            else:
                bytes_full_at[device] = (bytes_at if bytes_at > full else full) + len(message.payload) * byte_ms  # noqa: FURB136
                full_at[device] = (at if at > full else full) + interval  # noqa: FURB136 - max() takes a sixth of the time
        if len(full_at) > self._most_devices:
            self._full_at, self._bytes_full_at = self._kept(full_at, full), self._kept(bytes_full_at, full)
        if not excess_by_device:
            return messages, 0
        excess = {index for indexes in excess_by_device.values() for index in indexes}
        kept = [message for index, message in enumerate(messages) if index not in excess]
        kept += [
            _flood_record(device, [messages[index] for index in indexes])
            for device, indexes in excess_by_device.items()
        ]
        return kept, len(excess)

    def _kept(self, full_at: dict[str, float], full: float) -> dict[str, float]:
        """Forget the full buckets first, since they hold no information, then the fullest: flooders are remembered."""
        filling = sorted((item for item in full_at.items() if item[1] > full), key=lambda item: item[1])
        return dict(filling[-(self._most_devices // 2) :])


def _flood_record(device: str, messages: Sequence[RawMessage]) -> RawMessage:
    first, last = messages[0], messages[-1]
    flood = {
        "device": device,
        "count": len(messages),
        "first_at": first.received_at,
        "last_at": last.received_at,
        "topic": first.topic,
        "sample": base64.b64encode(first.payload[:_SAMPLE_BYTES]).decode("ascii"),
    }
    return RawMessage(FLOOD_TOPIC, json.dumps(flood).encode(), last.received_at)
