"""A bound on what one device may send, so that one that floods harms nobody but itself.

Each device has a bucket that holds `burst` messages and fills at its rate; what finds the bucket empty is not appended
one by one but summed up, in one record for each device and batch that goes into the same append, so that nothing is
acknowledged that is not written down. Only the third level of the topic is looked at: the collector does not parse.
"""

import base64
import json
from collections.abc import Sequence
from typing import Final

from ingest.log.records import FLOOD_TOPIC, RawMessage

MOST_DEVICES: Final = 200_000
"""Buckets kept, some 40 MB, and half as many again for a moment: made-up ids cannot fill the memory."""
_ID_CHARS: Final = 64
"""No device id is longer (`devices.readings.ids`); longer ones share a bucket with what begins alike."""
_LEAST_GRACE_MS: Final = 60_000


class DeviceRateLimit:
    """The buckets of all devices. Times are ms of any one clock that never goes back."""

    def __init__(self, messages_per_s: float, burst: int, most_devices: int = MOST_DEVICES) -> None:
        """`messages_per_s` and `burst` hold for each device; both above 0."""
        self._interval_ms = 1000 / messages_per_s
        self._room_ms = (burst - 1) * self._interval_ms
        self._most_devices = most_devices
        # Device → when its bucket is full again. That is all there is to know of a bucket; a past time is a full one.
        self._full_at: dict[str, float] = {}
        self._filled_since: int | None = None
        self._grace_until = 0

    def away(self, since: int, now: int) -> None:
        """The collector took nothing from `since` until now; what the broker kept for it was sent in that time.

        So the buckets fill on beyond their size, for as long again: a backlog that is drained is no flood.
        """
        self._filled_since = since if self._filled_since is None else min(since, self._filled_since)
        self._grace_until = max(self._grace_until, now + max(_LEAST_GRACE_MS, now - since))

    def sift(self, messages: Sequence[RawMessage], now: int) -> tuple[Sequence[RawMessage], int]:
        """What to append in place of `messages`, in their order, and how many of them it only sums up."""
        if self._filled_since is not None and now >= self._grace_until:
            self._filled_since = None
        full = now if self._filled_since is None else self._filled_since
        empty, interval, full_at = now + self._room_ms, self._interval_ms, self._full_at
        beyond: dict[str, list[int]] = {}
        for place, message in enumerate(messages):
            topic = message.topic
            try:
                device = topic.split("/", 3)[2][:_ID_CHARS]
            except IndexError:  # not of our tree, whatever brought it here
                device = topic[:_ID_CHARS]
            at = full_at.get(device, full)
            if at > empty:
                beyond.setdefault(device, []).append(place)
            else:
                full_at[device] = (at if at > full else full) + interval  # noqa: FURB136 - a call of max() is a sixth of it
        if len(full_at) > self._most_devices:
            self._forget(full)
        if not beyond:
            return messages, 0
        excess = {place for places in beyond.values() for place in places}
        kept = [message for place, message in enumerate(messages) if place not in excess]
        kept += [_summed_up(device, [messages[place] for place in places]) for device, places in beyond.items()]
        return kept, len(excess)

    def _forget(self, full: float) -> None:
        """The full buckets first, since nothing is known of them, then the fullest: who floods is remembered."""
        filling = sorted((item for item in self._full_at.items() if item[1] > full), key=lambda item: item[1])
        self._full_at = dict(filling[-(self._most_devices // 2) :])


def _summed_up(device: str, messages: Sequence[RawMessage]) -> RawMessage:
    first, last = messages[0], messages[-1]
    said = {
        "device": device,
        "count": len(messages),
        "first_at": first.received_at,
        "last_at": last.received_at,
        "topic": first.topic,
        "sample": base64.b64encode(first.payload).decode("ascii"),
    }
    return RawMessage(FLOOD_TOPIC, json.dumps(said).encode(), last.received_at)
