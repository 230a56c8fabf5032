"""Messages from the broker, acknowledged only when the caller says so. The one module of the path that knows paho.

One thread does everything: `take` works the network, and so does `wait`, so that the connection stays alive while the
disk is full. A paho client lives for one connection only: acknowledgements belong to the connection that delivered, and
with the client every trace of the old one is gone (its packet ids, its half-read packets, its downgrade to 3.1).
"""

import logging
import random
import ssl
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices.topics import READINGS_FILTERS
from ingest.messages import RawMessage
from ingest.mqtt_url import MqttUrl

log = logging.getLogger(__name__)

WEEK_S: Final = 7 * 24 * 3600
_HELD_BYTES: Final = 32 * 1024 * 1024
"""Stop reading from the broker while this much waits to be taken: a device may send large payloads by mistake."""
_FIRST_RETRY_S: Final = 1.0
_SLOWEST_RETRY_S: Final = 60.0
_STEADY_S: Final = 10.0
"""A connection that stood this long was a good one: the next retry is quick again. Two collectors under one client
id throw each other out at once, and so are slowed down."""
_ANSWER_S: Final = 10.0
"""A broker that takes the connection but has not answered CONNECT and SUBSCRIBE in this time is given up."""
_LEAVE_S: Final = 1.0
_AT_ONCE: Final = -1
"""Count of failures that asks for a retry without a pause."""
_COMMAND: Final = "/command"
_NO_ID: Final = 0
"""Packet id of what needs no acknowledgement: QoS 0, or delivered by an earlier connection."""
_PROTOCOL_NAMES: Final = {MQTTProtocolVersion.MQTTv5: "5.0", MQTTProtocolVersion.MQTTv311: "3.1.1"}
_UNSUPPORTED_PROTOCOL: Final = 0x84
_A_PERSON_MUST_MEND: Final = {
    0x85: "the client id is not valid there",
    0x86: "check user and password of the broker's URL",
    0x87: "check user and password of the broker's URL, and what that user may read",
    0x8A: "this client is banned there",
}
"""MQTT 5 reason codes that trying again soon will not change."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages in the order of their arrival, and what it takes to acknowledge them."""

    messages: tuple[RawMessage, ...]
    packet_ids: tuple[int, ...]
    """In the order of arrival; more than the messages when something was passed over."""
    connection: int
    """The attempt to connect that brought them, counted from 1."""


class MqttSource:
    """A persistent session at the broker that is connected, subscribed and kept so, for ever."""

    def __init__(
        self,
        url: MqttUrl,
        client_id: str = "haulwatch-collector",
        *,
        session_expiry_s: int = WEEK_S,
        receive_maximum: int = 2000,
        keepalive_s: int = 60,
    ) -> None:
        """Opens no connection; `take` does.

        `client_id` names the session: fixed, and one process at a time. `session_expiry_s` is how long the broker keeps
        it while nobody is connected (0xFFFFFFFF: for ever). `receive_maximum` bounds what the broker sends ahead of
        acknowledgement; without it Mosquitto allows 20, which caps the rate at 20 a round trip and disk sync.
        """
        self._url = url
        self._client_id = client_id
        self._session_expiry_s = session_expiry_s
        self._receive_maximum = receive_maximum
        self._keepalive_s = keepalive_s
        self._version = MQTTProtocolVersion.MQTTv5
        self._tls = ssl.create_default_context() if url.tls else None
        self._client: Client | None = None
        self._connection = 0
        self._sessions = 0
        self._subscribed_at: float | None = None
        self._retry_at = 0.0
        self._failures = 0
        self._slow_retry = False
        self._answer_by = 0.0
        self._version_known = False
        self._arrived: deque[tuple[int, RawMessage | None]] = deque()
        self._arrived_bytes = 0
        self.last_error: str | None = None
        """Why it is not connected, or was last cut off, in words; None while all has been well."""

    @property
    def connected(self) -> bool:
        """Subscribed and being served: silence now means that no device speaks."""
        return self._subscribed_at is not None

    @property
    def protocol(self) -> str:
        return _PROTOCOL_NAMES[self._version]

    @property
    def reconnects(self) -> int:
        """Sessions resumed or begun after the first."""
        return max(0, self._sessions - 1)

    def take(self, max_messages: int, max_wait_s: float, linger_s: float) -> Batch:
        """Wait up to `max_wait_s` for a first message and `linger_s` more for others; maybe empty. Never raises."""
        first_by = time.monotonic() + max_wait_s
        full_by: float | None = None
        while len(self._arrived) < max_messages:
            now = time.monotonic()
            if full_by is None and self._arrived:
                full_by = now + linger_s
            until = first_by if full_by is None else full_by
            self._work(max(0.0, until - now), enough=max_messages)
            if time.monotonic() >= until and (full_by is not None or not self._arrived):
                break
        return self._pack(max_messages)

    def wait(self, seconds: float) -> None:
        """Let time pass with the connection kept alive; what arrives is held for the next `take`. Never raises."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._work(left, enough=self._receive_maximum + 1)

    def acknowledge(self, batch: Batch) -> None:
        """Tell the broker that the messages are safe.

        Does nothing for a batch of an earlier connection: the broker delivers it again, and duplicates are known
        downstream.
        """
        for packet_id in batch.packet_ids:
            if self._client is None or batch.connection != self._connection:
                return
            if packet_id != _NO_ID:
                self._client.ack(packet_id, qos=1)

    def close(self) -> None:
        """Leave cleanly, acknowledgements sent; the session stays at the broker."""
        client = self._client
        if client is not None and client.socket() is not None:
            client.disconnect()
            leave_by = time.monotonic() + _LEAVE_S
            while client.socket() is not None and time.monotonic() < leave_by:
                client.loop(timeout=0.05)
        self._forget_connection()

    def _pack(self, max_messages: int) -> Batch:
        packed = [self._arrived.popleft() for _ in range(min(max_messages, len(self._arrived)))]
        messages = tuple(message for _, message in packed if message is not None)
        self._arrived_bytes -= sum(len(message.payload) for message in messages)
        return Batch(messages, tuple(packet_id for packet_id, _ in packed), self._connection)

    def _work(self, timeout_s: float, enough: int) -> None:
        """Connect if it is time to, then serve the network until something happened or the time is over."""
        if self._client is None:
            pause_s = self._retry_at - time.monotonic()
            if pause_s > 0:
                time.sleep(min(pause_s, timeout_s))
                return
            self._connect()
            return
        client = self._client
        if not self.connected and time.monotonic() > self._answer_by:
            self._give_up_waiting()
            return
        if len(self._arrived) >= enough or self._arrived_bytes > _HELD_BYTES:
            # Not reading is what pushes back on a broker that knows no receive maximum (3.1.1, QoS 0).
            client.loop_write()
            client.loop_misc()
            time.sleep(min(timeout_s, 0.05))
            return
        before = len(self._arrived)
        result = client.loop(timeout_s)
        # paho's loop reads one packet for each select; go on without select while packets are there.
        while result == MQTTErrorCode.MQTT_ERR_SUCCESS and before < len(self._arrived) < enough:
            before = len(self._arrived)
            result = client.loop_read()
        if result == MQTTErrorCode.MQTT_ERR_PROTOCOL and self.connected:
            self._do_without_properties()
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS or client.socket() is None:
            self._lost()

    def _connect(self) -> None:
        v5 = self._version is MQTTProtocolVersion.MQTTv5
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if v5 else False,
            protocol=self._version,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        if self._url.user is not None:
            client.username_pw_set(self._url.user, self._url.password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        self._connection += 1
        self._answer_by = time.monotonic() + _ANSWER_S
        try:
            if v5:
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                properties.SessionExpiryInterval = self._session_expiry_s
                properties.ReceiveMaximum = self._receive_maximum
                # paho's own default, MQTT_CLEAN_START_FIRST_ONLY, wipes the session at every start of the process.
                client.connect(
                    self._url.host, self._url.port, self._keepalive_s, clean_start=False, properties=properties
                )
            else:
                client.connect(self._url.host, self._url.port, self._keepalive_s)
        except (OSError, ValueError) as exc:
            self.last_error = f"{self._url}: {exc}"
            self._lost()
            return
        self._client = client

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.value == _UNSUPPORTED_PROTOCOL and self._version is MQTTProtocolVersion.MQTTv5:
            log.info("%s does not speak MQTT 5: going on with 3.1.1", self._url)
            self._version = MQTTProtocolVersion.MQTTv311
            self._failures = _AT_ONCE
            return
        self._version_known = True
        if reason.is_failure:
            self._refuse("refused the connection", reason)
        elif self._version is MQTTProtocolVersion.MQTTv5:
            # Retained status comes with a new subscription only, not again with each reconnect.
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            client.subscribe([(topic_filter, options) for topic_filter in READINGS_FILTERS])
        else:
            client.subscribe([(topic_filter, 1) for topic_filter in READINGS_FILTERS])

    def _on_subscribe(
        self, client: Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for reason in reasons:
            if reason.value != 1:
                self._refuse("did not grant the subscription at QoS 1", reason)
                self._slow_retry = True
                client.disconnect()
                return
        self._subscribed_at = time.monotonic()
        self._sessions += 1
        self.last_error = None
        log.info("%s: connected as %s, MQTT %s", self._url, self._client_id, self.protocol)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        received_at = time.time_ns() // 1_000_000
        packet_id = message.mid if message.qos == 1 else _NO_ID
        try:
            topic = message.topic
        except UnicodeDecodeError as exc:
            topic = exc.object.decode(errors="backslashreplace")
        if topic.endswith(_COMMAND):
            # Ours, to a device; acknowledged in its turn, and no reading to keep.
            self._arrived.append((packet_id, None))
            return
        self._arrived.append((packet_id, RawMessage(topic, bytes(message.payload), received_at)))
        self._arrived_bytes += len(message.payload)

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._subscribed_at is None:
            return
        how = f"closed by the broker: {reason}" if flags.is_disconnect_packet_from_server else "lost"
        lasted_s = time.monotonic() - self._subscribed_at
        # Mosquitto 2.0 throws out the older of two clients with one id without a word.
        hint = "" if lasted_s > _STEADY_S else f"; does another process use the client id {self._client_id!r}?"
        self.last_error = f"{self._url}: connection {how} after {lasted_s:.0f} s{hint}"

    def _refuse(self, what: str, reason: ReasonCode) -> None:
        mend = _A_PERSON_MUST_MEND.get(reason.value)
        self._slow_retry = mend is not None
        self.last_error = f"{self._url} {what}: {reason}" + (f": {mend}" if mend else "")

    def _give_up_waiting(self) -> None:
        self.last_error = f"{self._url}: no answer to MQTT {self.protocol} in {_ANSWER_S:.0f} s"
        if not self._version_known:
            # Some brokers of 3.1.1 do not refuse MQTT 5 but choke on its properties: try the other, turn by turn.
            v5 = self._version is MQTTProtocolVersion.MQTTv5
            self._version = MQTTProtocolVersion.MQTTv311 if v5 else MQTTProtocolVersion.MQTTv5
        self._lost()

    def _do_without_properties(self) -> None:
        """A packet that paho cannot read, such as a user property with U+FEFF in it, which brokers let through.

        It would come again with every connection and nothing after it ever; to MQTT 3.1.1 it comes without properties.
        """
        self.last_error = f"{self._url}: a packet in MQTT {self.protocol} that cannot be read"
        self._version = MQTTProtocolVersion.MQTTv311

    def _lost(self) -> None:
        """The connection is gone: say so, and settle when to try again."""
        now = time.monotonic()
        if self._subscribed_at is not None and now - self._subscribed_at > _STEADY_S:
            self._failures = 0
        longest_s = _SLOWEST_RETRY_S if self._slow_retry else min(_SLOWEST_RETRY_S, _FIRST_RETRY_S * 2**self._failures)
        pause_s = 0.0 if self._failures == _AT_ONCE else longest_s * random.uniform(0.5, 1.0)  # noqa: S311 (jitter)
        self._failures = min(self._failures + 1, 10)
        self._slow_retry = False
        self._retry_at = now + pause_s
        if pause_s:
            log.warning("%s; trying again in %.1f s", self.last_error or f"{self._url}: connection lost", pause_s)
        self._forget_connection()

    def _forget_connection(self) -> None:
        """What arrived stays, since not every broker delivers it again; only its acknowledgements are void."""
        self._client = None
        self._subscribed_at = None
        self._arrived = deque((_NO_ID, message) for _, message in self._arrived if message is not None)
