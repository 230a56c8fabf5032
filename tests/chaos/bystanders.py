"""How long alerts take, published → arrived over MQTT, of devices that a fault does not concern: the bystanders.

Device time runs a hundred times as fast as the wall clock, and an alert names the device time at which it opened. When
that time was published is known, so each alert is one subtraction. The engine's wait for late readings is in it, and so
is a pause of the devices.
"""

import json
import time
from bisect import bisect_left
from collections.abc import Collection
from typing import Final, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.codecs.topics import ROOT
from tests.chaos.stream import Stream

_TOPICS: Final = f"{ROOT}/alerts/#"


class Delays(NamedTuple):
    """Of the alerts that bystanders opened in one round, seconds."""

    alerts: int
    median_s: float
    longest_s: float


class Heard(NamedTuple):
    """An alert that arrived, the first time."""

    subject: str
    at: int
    """When it opened, device time, ms."""
    arrived: float
    """Monotonic time, seconds."""


class Listener:
    """A client that hears every alert. Its session is kept, so that a broker that restarts delivers what it missed."""

    def __init__(self, port: int, login: tuple[str, str] | None = None) -> None:
        self._port = port
        self._heard: dict[str, Heard] = {}
        self._client = Client(
            CallbackAPIVersion.VERSION2, "chaos-alerts", clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
        )
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(_TOPICS, qos=1)
        self._client.on_message = lambda _client, _data, message: self._hear(message)

    @property
    def alerts(self) -> int:
        """How many alerts it has heard."""
        return len(self._heard)

    def connect(self) -> None:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, message: MQTTMessage) -> None:
        alert = json.loads(message.payload)
        if alert["revision"] == 1:
            self._heard.setdefault(alert["alert_id"], Heard(alert["subject"], alert["at"], time.monotonic()))

    def delays(self, stream: Stream, apart: Collection[str]) -> Delays:
        """The delays of alerts opened in the stream's present round; `apart`: subjects that are no bystanders."""
        times = [device_ms for device_ms, _ in stream.published_at]
        found = sorted(
            heard.arrived - stream.published_at[index][1]
            for heard in tuple(self._heard.values())
            if stream.start_ms <= heard.at < stream.end_ms and heard.subject not in apart
            if (index := bisect_left(times, heard.at)) < len(times)
        )
        if not found:
            return Delays(0, 0.0, 0.0)
        return Delays(len(found), found[len(found) // 2], found[-1])
