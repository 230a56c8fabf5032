"""OwnTracks over MQTT: one JSON object a message, on `owntracks/{user}/{device}`. Speed in km/h, time in seconds.

Only `location` holds a place of the phone. Definitions of places, commands and cards are passed over; a will too, since
its time is that of the connection. What is encrypted is refused, so that somebody switches it off.
"""

import re
from typing import Any, Final

from devices.codecs.codec import Flaw
from devices.codecs.trackers.tracker_codec import TrackerCodec
from devices.codecs.trackers.values import document, instant_ms, located
from devices.readings.decoding import Decoding
from devices.readings.ids import DEVICE_ID_PATTERN
from devices.readings.models import Reading
from devices.readings.refusals import Reason, refused

_ROOT: Final = "owntracks"
_DEVICE_ID: Final = re.compile(DEVICE_ID_PATTERN)
_WITHOUT_PLACE: Final = frozenset(
    {"lwt", "transition", "waypoint", "waypoints", "cmd", "card", "status", "steps", "beacon", "configuration", "dump"}
)
_PING: Final = "p"
"""Trigger of a report that repeats the last place with the present time."""
_AFTER_MS: Final = {"u": 1, "r": 2, "c": 3, "C": 4, "b": 5, "v": 6, "i": 7, "I": 8, _PING: 9}
"""Milliseconds after the second of a report, by its trigger: times are whole seconds, and a report that somebody asked
for comes in the same second as one by the timer. Without this one of them would be a conflict."""
_IGNITION: Final = {"i": True, "I": False}
"""Triggers of vehicle trackers that come through a bridge to OwnTracks."""


class OwnTracks(TrackerCodec):
    """The codec of OwnTracks."""

    dialect = "owntracks"
    topic_filters = (f"{_ROOT}/+/+",)

    def matches(self, topic: str) -> bool:
        return topic.startswith(f"{_ROOT}/") and topic.count("/") == 2

    def device_of(self, topic: str) -> str:
        """`{user}.{device}`; empty if that can be no device id."""
        root, _, rest = topic.partition("/")
        device_id = rest.replace("/", ".", 1)
        return device_id if root == _ROOT and "/" in rest and _DEVICE_ID.fullmatch(device_id) else ""

    def report(self, device_id: str, payload: bytes, decoding: Decoding) -> list[Reading | Flaw]:
        values = document(payload)
        kind = values.get("_type")
        if not isinstance(kind, str):
            raise refused(Reason.MISSING_FIELD, "_type", "is missing, should be 'location'")
        if kind == "encrypted":
            problem = "the app encrypts what it sends: take its encryption key out, and use TLS"
            raise refused(Reason.NOT_A_READING, "_type", problem)
        if kind in _WITHOUT_PLACE:
            return []
        if kind != "location":
            raise refused(Reason.NOT_A_READING, "_type", f"should be 'location' (found {kind[:40]!r})")
        return located(device_id, _position(values), values.get("batt"))


OWNTRACKS: Final = OwnTracks()


def _position(values: dict[str, Any]) -> dict[str, Any]:
    if "tst" not in values:
        raise refused(Reason.MISSING_FIELD, "tst", "is missing, should be seconds since 1970")
    trigger = values.get("t")
    return {
        "ts": instant_ms(values["tst"], "tst", seconds=True) + _after_ms(trigger),
        "lat": values.get("lat"),
        "lon": values.get("lon"),
        "located": trigger != _PING,
        "speed_kmh": values.get("vel"),
        "heading_deg": values.get("cog"),
        "altitude_m": values.get("alt"),
        "accuracy_m": values.get("acc"),
        "ignition_on": _IGNITION.get(trigger) if isinstance(trigger, str) else None,
    }


def _after_ms(trigger: object) -> int:
    return _AFTER_MS.get(trigger, 0) if isinstance(trigger, str) else 0
