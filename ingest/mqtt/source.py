"""The source of collector and deposits: messages from the broker, acknowledged only when their reader asks for it.

`MqttSource` keeps a session for ever. It decides when to connect and in which version of MQTT, and holds messages until
they are taken. A connection (`ingest.mqtt.mqtt5`, `ingest.mqtt.mqtt311`) lasts until it breaks; acknowledgements belong
to the connection that delivered. One thread does everything: `take` and `wait` serve the network, so that the
connection stays alive while the disk is full.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from devices.codecs.registry import CODECS
from ingest.log.records import RawMessage
from ingest.mqtt.connection import NO_ID, Connection, ConnectionLost, Delivery, NeedsOperator, Session, VersionRefused
from ingest.mqtt.mqtt5 import Mqtt5
from ingest.mqtt.url import MqttUrl
from ingest.process.backoff import Backoff

log = logging.getLogger(__name__)

WEEK_S: Final = 7 * 24 * 3600
_HELD_BYTES: Final = 32 * 1024 * 1024
"""Payload bytes that may wait to be taken; with more nothing is read: a device may send large payloads by mistake."""
_GATHER_S: Final = 0.01
"""Pause between two reads while a batch fills, so that each read brings tens of messages instead of one or two. At
8,000 messages/s a message costs 5 µs with the pause, 30 µs without."""
_FIRST_RETRY_S: Final = 1.0
_SLOWEST_RETRY_S: Final = 60.0
_STEADY_S: Final = 10.0
"""A connection that stood longer than this resets the back-off. Two collectors under one client id end each other's
connection at once, and so slow down."""
_ANSWER_S: Final = 10.0
"""Time for a broker to answer CONNECT and SUBSCRIBE; after that the connection is given up."""

_RIVAL_ENDS: Final = 3
_RIVAL_WITHIN_S: Final = 900.0
"""With back-off, two processes under one client id end each other's connection at least once in two minutes."""

_V5: Final = "5.0"
_V311: Final = "3.1.1"


@dataclass(frozen=True, slots=True)
class ReceivedBatch:
    """Messages in the order of arrival, and what is needed to acknowledge them."""

    messages: tuple[RawMessage, ...]
    packet_ids: tuple[int, ...]
    """In the order of arrival; more than the messages if some were not kept."""
    connection: int
    """Number of the attempt to connect that delivered them, from 1."""


class MqttSource:
    """A persistent session at the broker, kept connected and subscribed for ever."""

    def __init__(  # noqa: PLR0913 - two users, each with its own session
        self,
        url: MqttUrl,
        client_id: str = "haulwatch-collector",
        *,
        session_expiry_s: int = WEEK_S,
        receive_maximum: int = 2000,
        keepalive_s: int = 60,
        share_group: str = "",
        former_groups: Iterable[str] = (),
        topic_filters: tuple[str, ...] = CODECS.topic_filters,
        part: str = "collector",
    ) -> None:
        """Opens no connection; `take` does.

        `client_id` names the session: fixed, and one process at a time. `session_expiry_s` is how long the broker keeps
        it while no client is connected (0xFFFFFFFF: for ever). `receive_maximum` bounds the messages that the broker
        sends ahead of acknowledgement; without it Mosquitto allows 20, and so 20 messages a round trip and disk sync.
        `share_group` divides the messages among all sources with the same name; it needs MQTT 5. `former_groups` are
        names that this session may have used before: it leaves them. `topic_filters`: what it subscribes to, all
        readings by default. `part` is named in the log.
        """
        self._session = Session(
            url=url,
            client_id=client_id,
            expiry_s=session_expiry_s,
            receive_maximum=receive_maximum,
            keepalive_s=keepalive_s,
            share_group=share_group,
            former_groups=frozenset(former_groups),
            topic_filters=topic_filters,
        )
        self._part = part
        self._version = _V5
        self._version_accepted = False
        self._connection: Connection | None = None
        self._connection_number = 0
        self._sessions = 0
        self._subscribed_at: float | None = None
        self._answer_by = 0.0
        self._retry_at = 0.0
        self._backoff = Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S)
        self._operator_backoff = Backoff(_SLOWEST_RETRY_S, _SLOWEST_RETRY_S)
        self._ends: deque[float] = deque(maxlen=_RIVAL_ENDS)
        """When the last connections ended, each of which the broker had accepted at the first attempt."""
        self._arrived: list[Delivery] = []
        self._arrived_bytes = 0
        self.last_error: str | None = None
        """The error that prevents or ended the connection; None if there was none."""

    @property
    def connected(self) -> bool:
        """Subscribed, and the connection stands: silence means that no device sends."""
        return self._subscribed_at is not None

    @property
    def contested(self) -> bool:
        """The broker accepts us each time at once, and soon ends the connection: another process has our client id."""
        return len(self._ends) == _RIVAL_ENDS and time.monotonic() - self._ends[0] < _RIVAL_WITHIN_S

    @property
    def protocol(self) -> str:
        """MQTT version in use, `5.0` or `3.1.1`."""
        return self._version

    @property
    def reconnects(self) -> int:
        """Successful connections after the first."""
        return max(0, self._sessions - 1)

    def take(self, max_messages: int, max_wait_s: float, linger_s: float) -> ReceivedBatch:
        """Wait up to `max_wait_s` for a first message and `linger_s` more for others; may be empty. Never raises."""
        until = time.monotonic() + max_wait_s
        lingering = False
        while len(self._arrived) < max_messages:
            now = time.monotonic()
            if self._arrived and not lingering:
                until, lingering = now + linger_s, True
            if lingering:
                time.sleep(max(0.0, min(until - now, _GATHER_S)))
            self._work(0.0 if lingering else max(0.0, until - now), enough=max_messages)
            if time.monotonic() >= until and (lingering or not self._arrived):
                break
        return self._pack(max_messages)

    def wait(self, seconds: float) -> None:
        """Pause and keep the connection alive; messages that arrive are held for the next `take`. Never raises."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._work(left, enough=self._session.receive_maximum + 1)

    def acknowledge(self, batch: ReceivedBatch) -> None:
        """Confirm to the broker that the messages are safe.

        Does nothing for a batch of an earlier connection: the broker delivers it again, and the recorder detects
        duplicates.
        """
        if self._connection is not None and batch.connection == self._connection_number:
            self._connection.acknowledge(batch.packet_ids)

    def close(self) -> None:
        """Send the acknowledgements and disconnect; the broker keeps the session."""
        self._disconnect()

    def _pack(self, max_messages: int) -> ReceivedBatch:
        packed, self._arrived = self._arrived[:max_messages], self._arrived[max_messages:]
        messages = tuple([message for _, message in packed if message is not None])
        self._arrived_bytes -= _size_bytes(packed)
        return ReceivedBatch(messages, tuple([packet_id for packet_id, _ in packed]), self._connection_number)

    def _work(self, timeout_s: float, enough: int) -> None:
        """Connect if it is time to, then serve the network until something happened or the time is over."""
        connection = self._connection
        if connection is None:
            pause_s = self._retry_at - time.monotonic()
            if pause_s > 0:
                time.sleep(min(pause_s, timeout_s))
            else:
                self._connect()
            return
        try:
            reading = len(self._arrived) < enough and self._arrived_bytes <= _HELD_BYTES
            arrived = connection.work(timeout_s, reading=reading)
            self._arrived += arrived
            self._arrived_bytes += _size_bytes(arrived)
            if self._subscribed_at is None:
                self._check_answer(connection, reading)
        except VersionRefused as exc:
            self._fall_back_to_311(exc)
        except ConnectionLost as exc:
            self._retry_later(exc)

    def _connect(self) -> None:
        self._connection_number += 1
        try:
            self._connection = _open(self._version, self._session)
        except ConnectionLost as exc:
            self._retry_later(exc)
        # From now, not from the start of the attempt: dead addresses of the host may have taken as long.
        self._answer_by = time.monotonic() + _ANSWER_S

    def _check_answer(self, connection: Connection, reading: bool) -> None:
        """Note that the subscription stands, or raise ConnectionLost when the broker took too long to answer."""
        self._version_accepted = self._version_accepted or connection.answered
        if connection.subscribed:
            if self._sessions and not connection.resumed:
                log.warning(
                    "%s: %s: the broker has lost our session, and the messages that it held for us; "
                    "check the broker's persistence and session expiry",
                    self._part,
                    self._session.url,
                )
            self._subscribed_at = time.monotonic()
            self._sessions += 1
            self.last_error = None
            log.info(
                "%s: %s: connected as %s, MQTT %s",
                self._part,
                self._session.url,
                self._session.client_id,
                self.protocol,
            )
        elif not reading:  # enough is held: an answer of the broker may wait unread
            self._answer_by = time.monotonic() + _ANSWER_S
        elif time.monotonic() > self._answer_by:
            silence = ConnectionLost(f"no answer to MQTT {self.protocol} in {_ANSWER_S:.0f} s")
            # Some brokers of 3.1.1 do not refuse MQTT 5 but choke on its properties: the next attempt uses the other.
            if not self._version_accepted and not self._session.share_group:
                self._version = _V311 if self._version == _V5 else _V5
            raise silence

    def _fall_back_to_311(self, refusal: VersionRefused) -> None:
        if self._session.share_group:
            hint = "a shared subscription needs MQTT 5: unset HAULWATCH_BROKER_SHARE_GROUP"
            self._retry_later(NeedsOperator(f"{refusal}: {hint}"))
            return
        log.info("%s: %s: the broker does not speak MQTT 5, going on with 3.1.1", self._part, self._session.url)
        self._version = _V311
        self._disconnect()

    def _retry_later(self, error: ConnectionLost) -> None:
        """Report why there is no connection, and decide when to try again."""
        now = time.monotonic()
        detail = ""
        if self._subscribed_at is None:
            self._ends.clear()  # the broker is away, or refuses us: that is no rival
        else:
            self._ends.append(now)
            lasted_s = now - self._subscribed_at
            detail = f" after {lasted_s:.0f} s"
            if lasted_s > _STEADY_S:
                self._backoff.reset()
            else:
                # Mosquitto 2.0 ends the older of two connections with one client id without a reason.
                detail += f"; does another process use the client id {self._session.client_id!r}?"
        self.last_error = f"{self._session.url}: {error}{detail}"
        backoff = self._operator_backoff if isinstance(error, NeedsOperator) else self._backoff
        pause_s = backoff.next_pause_s()
        self._retry_at = now + pause_s
        log.warning("%s: not connected: %s; trying again in %.1f s", self._part, self.last_error, pause_s)
        self._disconnect()

    def _disconnect(self) -> None:
        """Close the connection. Messages that arrived stay, since not every broker delivers them again.

        Only their acknowledgements are void.
        """
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._subscribed_at = None
        self._arrived = [(NO_ID, message) for _, message in self._arrived if message is not None]


def _open(version: str, session: Session) -> Connection:
    """Connect. Raises ConnectionLost."""
    if version == _V5:
        return Mqtt5(session)
    from ingest.mqtt.mqtt311 import Mqtt311  # noqa: PLC0415 - imports paho, which most collectors never need

    return Mqtt311(session)


def _size_bytes(deliveries: Iterable[Delivery]) -> int:
    return sum([len(message.payload) for _, message in deliveries if message is not None])
