"""The Things Stack v3: uplinks and joins of its MQTT integration, in JSON.

Message fields of zero, such as `f_cnt` and `f_port`, are left out; zeros inside `decoded_payload` are there.
"""

import re
from typing import Any, Final

from msgspec import Struct
from msgspec.json import Decoder

from devices.codecs.lorawan.server import LorawanCodec, parsed
from devices.codecs.lorawan.uplink import Event, Uplink, from_base64, instant_ms
from devices.readings.refusals import Reason, refused


class _Ids(Struct):
    device_id: str | None = None


class _Rx(Struct):
    time: str | None = None
    rssi: float | None = None


class _Uplink(Struct):
    f_port: int | None = None
    f_cnt: int | None = None
    frm_payload: str | None = None
    decoded_payload: dict[str, Any] | None = None
    normalized_payload: list[Any] | None = None
    rx_metadata: list[_Rx] | None = None


class _Message(Struct):
    end_device_ids: _Ids | None = None
    received_at: str | None = None
    uplink_message: _Uplink | None = None
    simulated: bool | None = None


_DECODER: Final = Decoder(_Message)


def _read(device_id: str, event: Event, payload: bytes) -> Uplink:
    """Raises DecodeError."""
    message = parsed(_DECODER, payload)
    named = message.end_device_ids.device_id if message.end_device_ids else None
    if not named:
        raise refused(Reason.MISSING_FIELD, "end_device_ids.device_id", "is missing, should be that of the topic")
    if named != device_id:
        problem = f"payload says {named!r:.50}, topic {device_id!r}"
        raise refused(Reason.FOREIGN_DEVICE, "end_device_ids.device_id", problem)
    if message.simulated:
        raise refused(Reason.NOT_A_READING, "simulated", "is true: somebody typed this uplink, no device measured it")
    if event is Event.JOIN:
        return Uplink(event, device_id, instant_ms("received_at", message.received_at))
    if message.uplink_message is None:
        raise refused(Reason.MISSING_FIELD, "uplink_message", "is missing, should be an object")
    return _uplink(device_id, message.received_at, message.uplink_message)


def _uplink(device_id: str, received_at: str | None, up: _Uplink) -> Uplink:
    receptions = up.rx_metadata or []
    # Without the server's time, the one of a gateway. The inner `received_at` may be that of the year 1.
    time = received_at or next((rx.time for rx in receptions if rx.time), None)
    trees = {"decoded_payload": up.decoded_payload, "normalized_payload": up.normalized_payload}
    return Uplink(
        Event.UP,
        device_id,
        instant_ms("received_at", time),
        f_cnt=up.f_cnt or 0,
        f_port=up.f_port or 0,
        payload=from_base64("frm_payload", up.frm_payload),
        decoded={name: tree for name, tree in trees.items() if tree} or None,
        rssi_dbm=max((rx.rssi for rx in receptions if rx.rssi is not None), default=None),
    )


_EVENTS: Final = {"up": Event.UP, "join": Event.JOIN}
TTN: Final = LorawanCodec(
    "ttn",
    re.compile(r"v3/[^/]+/devices/([a-z0-9](?:-?[a-z0-9]){1,35})/(.+)"),  # ids have 2 to 36 characters
    tuple(f"v3/+/devices/+/{event}" for event in _EVENTS),
    _EVENTS,
    _read,
)
"""The id of a device is that of The Things Stack, by default `eui-` and the DevEUI."""
