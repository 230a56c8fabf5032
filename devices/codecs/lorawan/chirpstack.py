"""ChirpStack v4: the events of its MQTT integration, in JSON.

The server writes zeros and nulls; older ones leave zero fields out. Both read alike.
"""

import re
from typing import Any, Final

from msgspec import Struct
from msgspec.json import Decoder

from devices.codecs.lorawan.server import LorawanCodec, parsed
from devices.codecs.lorawan.uplink import Event, Uplink, from_base64, instant_ms
from devices.readings.refusals import Reason, refused


class _DeviceInfo(Struct, rename="camel"):
    dev_eui: str | None = None


class _RxInfo(Struct, rename="camel"):
    rssi: float | None = None


class _Event(Struct, rename="camel"):
    """Fields of the three events that are read; all may be left out or null."""

    time: str | None = None
    device_info: _DeviceInfo | None = None
    f_cnt: int | None = None
    f_port: int | None = None
    data: str | None = None
    object: dict[str, Any] | None = None
    rx_info: list[_RxInfo] | None = None
    battery_level: float | None = None
    battery_level_unavailable: bool | None = None
    external_power_source: bool | None = None


_DECODER: Final = Decoder(_Event)


def _read(device_id: str, event: Event, payload: bytes) -> Uplink:
    """Raises DecodeError."""
    message = parsed(_DECODER, payload)
    dev_eui = (message.device_info.dev_eui if message.device_info else None) or ""
    if dev_eui and dev_eui.lower() != device_id:
        raise refused(Reason.FOREIGN_DEVICE, "devEui", f"payload says {dev_eui!r:.40}, topic {device_id!r}")
    heard = [rx.rssi for rx in message.rx_info or () if rx.rssi is not None]
    is_up = event is Event.UP
    return Uplink(
        event,
        device_id,
        instant_ms("time", message.time),
        f_cnt=(message.f_cnt or 0) if is_up else None,
        f_port=message.f_port or 0,
        payload=from_base64("data", message.data) if is_up else b"",
        decoded={"object": message.object} if is_up and message.object else None,
        rssi_dbm=max(heard, default=None),
        battery_pct=_battery(message) if event is Event.STATUS else None,
    )


def _battery(message: _Event) -> float | None:
    """Level in percent. With power from outside, or where the device cannot tell, the server writes 0."""
    if message.external_power_source or message.battery_level_unavailable:
        return None
    return message.battery_level


CHIRPSTACK: Final = LorawanCodec(
    "chirpstack",
    re.compile(r"application/[^/]+/device/([0-9A-Fa-f]{16})/event/([a-z]+)"),
    tuple(f"application/+/device/+/event/{event.value}" for event in Event),
    {event.value: event for event in Event},
    _read,
)
"""The id of a device is its DevEUI, in lower-case hex."""
