"""One connection in MQTT 3.1.1 over paho, for brokers that speak nothing newer.

A paho client lives for one connection only, so that no packet id and no half-read packet of an old connection is left,
and paho cannot fall back to MQTT 3.1 by itself.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices.codecs.registry import dialect_of
from ingest.log.records import RawMessage
from ingest.mqtt.connection import COMMAND, NO_ID, ConnectionLost, Delivery, Session, not_granted, refused

_LEAVE_S: Final = 1.0
_NOT_READING_S: Final = 0.05
"""Longest `work` without reading."""
_READ_PACKETS: Final = 1000
"""Packets read by one `work` at most."""


class Mqtt311:
    """A `ingest.mqtt.connection.Connection` in MQTT 3.1.1.

    Its session has no expiry and no receive maximum: the broker is slowed down by not reading.
    """

    def __init__(self, session: Session) -> None:
        self._filters = session.filters
        self._arrived: list[Delivery] = []
        self._ending: ConnectionLost | None = None
        self.answered = False
        self.resumed = False
        self.subscribed = False
        client = self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=session.client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        if session.url.user is not None:
            client.username_pw_set(session.url.user, session.url.password)
        try:
            tls = session.url.tls_context()
            if tls is not None:
                client.tls_set_context(tls)
            client.connect(session.url.host, session.url.port, session.keepalive_s)
        except (OSError, ValueError) as exc:
            raise ConnectionLost(str(exc)) from exc

    def work(self, timeout_s: float, *, reading: bool) -> Sequence[Delivery]:
        client = self._client
        if not reading:
            client.loop_write()
            client.loop_misc()
            time.sleep(min(timeout_s, _NOT_READING_S))
            return ()
        result = client.loop(timeout_s)
        # paho's loop reads one packet for each select: read on without select while there are packets.
        before = 0
        while result == MQTTErrorCode.MQTT_ERR_SUCCESS and before < len(self._arrived) < _READ_PACKETS:
            before = len(self._arrived)
            result = client.loop_read()
        arrived, self._arrived = self._arrived, []
        if arrived:
            return arrived  # an error shows again with the next call
        if self._ending is not None:
            raise self._ending
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS or client.socket() is None:
            raise ConnectionLost("connection lost")
        return ()

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        for packet_id in packet_ids:
            if packet_id != NO_ID:
                self._client.ack(packet_id, qos=1)

    def close(self) -> None:
        client = self._client
        if client.socket() is not None:
            client.disconnect()
            leave_by = time.monotonic() + _LEAVE_S
            while client.socket() is not None and time.monotonic() < leave_by:
                client.loop(timeout=0.05)

    def _on_connect(
        self, client: Client, _userdata: Any, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self.answered = True
        self.resumed = flags.session_present
        if reason.is_failure:
            self._ending = refused("refused the connection", reason.value, str(reason))
        else:
            client.subscribe([(topic_filter, 1) for topic_filter in self._filters])

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for reason in reasons:
            if reason.value != 1:
                self._ending = not_granted(reason.value, str(reason))
                return
        self.subscribed = True

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        received_at = time.time_ns() // 1_000_000
        packet_id = message.mid if message.qos == 1 else NO_ID
        try:
            topic = message.topic
        except UnicodeDecodeError as exc:
            topic = exc.object.decode(errors="backslashreplace")
        kept = None
        if not topic.endswith(COMMAND):
            kept = RawMessage(topic, bytes(message.payload), received_at, dialect_of(topic), message.retain)
        self._arrived.append((packet_id, kept))
