"""An MQTT client for alerts, commands, gateways and broker statistics. The only place that makes an aiomqtt client.

The collector does not use it: `ingest.mqtt.source` acknowledges after the append, which aiomqtt cannot.
No type or error of aiomqtt or paho leaves this module:

BrokerUnavailable    not connected, refused or cut off: connect again after a pause
├── LoginRefused     the broker answered, and refuses this user or password
└── PublishRefused   the broker refused one message; Mosquitto 2.0.11 may also end the connection after it
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.mqtt.url import MqttUrl
from ingest.process.pause import end_if_cancelled

_V5: Final = aiomqtt.ProtocolVersion.V5
_V311: Final = aiomqtt.ProtocolVersion.V311
_VERSION_REFUSED: Final = frozenset({1, 0x84})
"""Unsupported protocol version: return code of an MQTT 3.1.1 CONNACK, and reason code of MQTT 5."""
_LOGIN_REFUSED: Final = frozenset({4, 5, 0x86, 0x87})
"""Bad user name or password, not authorised: the same two sources."""
_FIRST_FAILURE_CODE: Final = 0x80
_MOST_IN_FLIGHT: Final = 65_535
"""Unacknowledged messages that MQTT allows, where the broker names no fewer (MQTT 5, 3.3.4 Receive Maximum)."""
_TRANSPORT_ERRORS: Final = (aiomqtt.MqttError, OSError, TimeoutError)

_log = logging.getLogger(__name__)
_quiet = logging.getLogger(f"{__name__}.aiomqtt")
_quiet.propagate = False  # aiomqtt logs each failure that the caller reports once


class BrokerUnavailable(Exception):
    """The broker cannot be reached, refused the client, or the connection broke. The text names the cause."""


class LoginRefused(BrokerUnavailable):
    """The broker answered, and does not accept this user with this password."""


class PublishRefused(BrokerUnavailable):
    """The broker did not take one message, for example because the login may not write to its topic."""


class LastWill(NamedTuple):
    """What the broker publishes, retained, at QoS 1, if the client vanishes."""

    topic: str
    payload: bytes


class Delivered(NamedTuple):
    """A message that the broker delivered."""

    topic: str
    payload: bytes
    retained: bool = False
    """The broker had kept it from before the subscription."""


class MqttClient:
    """One client of the broker, which can be connected again and again. For one event loop.

    It speaks MQTT 5. After the broker refused version 5 it goes on with 3.1.1, at once and for good. Some brokers of
    3.1.1 do not refuse version 5 but choke on it: until a version was accepted once, each attempt without an answer
    makes the next attempt use the other version. A connection that came up so tries version 5 again after it ended: the
    broker may just have been starting.
    """

    def __init__(
        self,
        url: MqttUrl,
        client_id: str,
        *,
        session_expiry_s: int = 0,
        timeout_s: float = 10.0,
        max_queued_messages: int = 0,
        will: Callable[[], LastWill] | None = None,
    ) -> None:
        """Opens no connection.

        `session_expiry_s`: how long the broker keeps the session while the client is away; 0: it ends with the
        connection. In 3.1.1 a kept session has no expiry. `timeout_s` holds for each answer of the broker.
        `max_queued_messages`: received and not yet taken; the client drops those beyond it (0: no bound).
        `will` is asked at each attempt to connect.
        """
        self._url = url
        self._client_id = client_id
        self._session_expiry_s = session_expiry_s
        self._timeout_s = timeout_s
        self._max_queued_messages = max_queued_messages
        self._will = will
        self._version = _V5
        self._version_accepted = False
        self._version_refused = False
        self._tries_5_again = False
        self._client: _Client | None = None

    @property
    def connected(self) -> bool:
        """Between `connect` and `close`. A connection that broke shows with the next call."""
        return self._client is not None

    @property
    def version(self) -> Literal["5", "3.1.1"]:
        """The MQTT version of the connection, or of the next attempt."""
        return "5" if self._version is _V5 else "3.1.1"

    @property
    def receive_maximum(self) -> int:
        """How many messages the broker lets this connection have unacknowledged at once; 65,535 if it names none."""
        return _MOST_IN_FLIGHT if self._client is None else self._client.receive_maximum

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Return when the broker accepted the client. Raises BrokerUnavailable."""
        if self._tries_5_again:
            self._version, self._version_accepted, self._tries_5_again = _V5, False, False
        try:
            await self._connect()
        except _VersionRefused:
            self._version_refused = True
            _log.info("mqtt client %s: the broker does not speak MQTT 5, going on with 3.1.1", self._client_id)
            self._version = _V311
            await self._connect()

    async def _connect(self) -> None:
        client = self._new_client()
        try:
            await client.__aenter__()
        except aiomqtt.MqttCodeError as exc:
            if exc.rc is not None and _code(exc.rc) in _VERSION_REFUSED and self._version is _V5:
                raise _VersionRefused(str(exc)) from exc
            self._version_accepted = True
            if exc.rc is not None and _code(exc.rc) in _LOGIN_REFUSED:
                raise LoginRefused(str(exc)) from exc
            raise BrokerUnavailable(str(exc)) from exc
        except (*_TRANSPORT_ERRORS, ValueError) as exc:  # ValueError: a host that is no valid name
            if client.reached and not self._version_accepted:
                self._version = _V311 if self._version is _V5 else _V5
            raise BrokerUnavailable(str(exc)) from exc
        self._version_accepted = True
        self._tries_5_again = self._version is _V311 and not self._version_refused
        self._client = client
        end_if_cancelled()

    async def close(self) -> None:
        """Leave the broker. Never raises."""
        client, self._client = self._client, None
        if client is not None:
            await client.leave()

    async def subscribe(self, *topic_filters: str, qos: int) -> None:
        """Return when the broker granted every filter. Raises BrokerUnavailable."""
        refused = await self.subscribe_to_any(*topic_filters, qos=qos)
        if refused:
            raise BrokerUnavailable(f"this login may not subscribe to {refused[0]}")

    async def subscribe_to_any(self, *topic_filters: str, qos: int) -> list[str]:
        """Subscribe, and return the filters that the broker refused. Raises BrokerUnavailable if it does not answer."""
        connection = self._connection()
        with _translated():
            answers = await connection.subscribe([(topic_filter, qos) for topic_filter in topic_filters])
        codes = [_code(answer) for answer in answers]
        return [name for name, code in zip(topic_filters, codes, strict=True) if code >= _FIRST_FAILURE_CODE]

    async def receive(self) -> Delivered:
        """Wait for the next message. Raises BrokerUnavailable when the connection breaks."""
        connection = self._connection()
        while True:
            with _translated():
                message = await anext(connection.messages)
            if isinstance(message.payload, bytes):
                return Delivered(str(message.topic), message.payload, bool(message.retain))

    async def publish(
        self, topic: str, payload: str | bytes, *, expiry_ms: int | None = None, retain: bool = False
    ) -> None:
        """Return when the broker has acknowledged the message (QoS 1).

        Several calls may wait at once, up to `receive_maximum`. The broker drops what it could not deliver within
        `expiry_ms`, in MQTT 5 only.
        Raises BrokerUnavailable; PublishRefused in MQTT 5 only, since 3.1.1 reports no refusal.
        """
        connection = self._connection()
        properties = None
        if expiry_ms is not None and self._version is _V5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = math.ceil(expiry_ms / 1_000)
        with _translated():
            refusal = await connection.publish_confirmed(topic, payload, retain, properties, self._timeout_s)
        if refusal is not None:
            raise PublishRefused(refusal)

    def send(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0: nobody answers, and the message may get lost. Raises BrokerUnavailable."""
        with _translated():
            self._connection().send(topic, payload)

    def _connection(self) -> "_Client":
        if self._client is None:
            raise BrokerUnavailable("not connected")
        return self._client

    def _new_client(self) -> "_Client":
        keep = self._session_expiry_s > 0
        five = self._version is _V5
        properties = None
        if five and keep:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self._session_expiry_s
        return _Client(
            self._url.host,
            self._url.port,
            username=self._url.user,
            password=self._url.password,
            identifier=self._client_id,
            protocol=self._version,
            clean_session=None if five else not keep,
            clean_start=not keep if five else MQTT_CLEAN_START_FIRST_ONLY,
            will=None if self._will is None else aiomqtt.Will(*self._will(), qos=1, retain=True),
            properties=properties,
            max_queued_incoming_messages=self._max_queued_messages,
            max_inflight_messages=0,  # no bound in paho, which would look at every waiting message at each PUBACK
            tls_context=self._url.tls_context(),
            timeout=self._timeout_s,
            logger=_quiet,
        )


@contextmanager
def _translated() -> Iterator[None]:
    """Raise BrokerUnavailable in place of aiomqtt's errors, and the CancelledError that aiomqtt may swallow.

    It waits by `asyncio.wait_for`, which in Python 3.11 swallows a cancellation that comes together with the result.
    """
    try:
        yield
    except _TRANSPORT_ERRORS as exc:
        end_if_cancelled()
        raise BrokerUnavailable(str(exc)) from exc
    end_if_cancelled()


class _VersionRefused(BrokerUnavailable):
    """The broker does not speak MQTT 5."""


def _check_sent(code: MQTTErrorCode) -> None:
    if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
        raise aiomqtt.MqttCodeError(code, "Could not publish message")


class _Client(aiomqtt.Client):
    """Also records that the broker was reached, and hands out the answer to each message.

    aiomqtt takes a refused message for delivered, and lets those that wait when the connection breaks wait on.
    """

    reached = False
    """TCP, and TLS if the URL asks for it, stood: a failure after that is one of MQTT."""
    receive_maximum = _MOST_IN_FLIGHT

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._answers: dict[int, asyncio.Future[str | None]] = {}
        """By packet id: of messages without an answer."""
        self._disconnected.add_done_callback(self._fail_unanswered)

    async def publish_confirmed(
        self, topic: str, payload: str | bytes, retain: bool, properties: Properties | None, timeout_s: float
    ) -> str | None:
        """Return the reason for which the broker refused the message, or None: it took it.

        Raises MqttError, TimeoutError.
        """
        info = self._client.publish(topic, payload, 1, retain, properties)
        _check_sent(info.rc)
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._answers[info.mid] = answer
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        finally:
            self._answers.pop(info.mid, None)

    def send(self, topic: str, payload: bytes) -> None:
        """Hand a message of QoS 0 to the connection. Raises MqttError."""
        _check_sent(self._client.publish(topic, payload, 0).rc)

    async def leave(self) -> None:
        """Disconnect. Never raises."""
        with suppress(*_TRANSPORT_ERRORS):
            await self.__aexit__(None, None, None)
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # retrieved here, or asyncio logs it as lost

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        self.reached = True
        super()._on_socket_open(client, userdata, sock)

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Properties | None = None
    ) -> None:
        self.receive_maximum = getattr(properties, "ReceiveMaximum", _MOST_IN_FLIGHT)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _fail_unanswered(self, _: object) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(aiomqtt.MqttError("the connection broke before the broker answered"))

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(str(reason_code) if reason_code.is_failure else None)
        super()._on_publish(client, userdata, mid, reason_code, properties)


def _code(answer: int | ReasonCode) -> int:
    return answer if isinstance(answer, int) else answer.value
