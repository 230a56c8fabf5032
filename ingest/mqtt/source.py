"""Messages from the broker, acknowledged only when the caller says so.

`MqttSource` is the session, kept for ever: when to connect, in which version of MQTT, what is held until it is taken. A
connection (`mqtt5_connection`, `mqtt311_connection`) lives until it breaks, and acknowledgements belong to the one that
delivered. One thread does everything: `take` works the network, and so does `wait`, so that the connection stays alive
while the disk is full.
"""

import logging
import random
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ingest.log.records import RawMessage
from ingest.mqtt.connection import NO_ID, Connection, ConnectionLost, Delivery, NeedsAPerson, OtherVersion, Session
from ingest.mqtt.mqtt5 import Mqtt5
from ingest.mqtt.url import MqttUrl

log = logging.getLogger(__name__)

WEEK_S: Final = 7 * 24 * 3600
_HELD_BYTES: Final = 32 * 1024 * 1024
"""Stop reading from the broker while this much waits to be taken: a device may send large payloads by mistake."""
_GATHER_S: Final = 0.005
"""Between two reads while a batch fills: some tens of messages with each instead of one or two. At 8,000 messages/s a
message costs 5 µs so, and 30 with a read for whatever is there."""
_FIRST_RETRY_S: Final = 1.0
_SLOWEST_RETRY_S: Final = 60.0
_STEADY_S: Final = 10.0
"""A connection that stood this long was a good one: the next retry is quick again. Two collectors under one client
id throw each other out at once, and so are slowed down."""
_ANSWER_S: Final = 10.0
"""A broker that takes the connection but has not answered CONNECT and SUBSCRIBE in this time is given up."""

_V5: Final = "5.0"
_V311: Final = "3.1.1"


@dataclass(frozen=True, slots=True)
class ReceivedBatch:
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
        share_group: str = "",
        former_groups: Iterable[str] = (),
    ) -> None:
        """Opens no connection; `take` does.

        `client_id` names the session: fixed, and one process at a time. `session_expiry_s` is how long the broker keeps
        it while nobody is connected (0xFFFFFFFF: for ever). `receive_maximum` bounds what the broker sends ahead of
        acknowledgement; without it Mosquitto allows 20, which caps the rate at 20 a round trip and disk sync.
        `share_group` divides the messages among all sources that give the same name; it needs MQTT 5. `former_groups`
        are names that this session may have given before: it leaves them.
        """
        self._session = Session(
            url=url,
            client_id=client_id,
            expiry_s=session_expiry_s,
            receive_maximum=receive_maximum,
            keepalive_s=keepalive_s,
            share_group=share_group,
            former_groups=frozenset(former_groups),
            tls=ssl.create_default_context() if url.tls else None,
        )
        self._version = _V5
        self._version_known = False
        self._link: Connection | None = None
        self._connection = 0
        self._sessions = 0
        self._subscribed_at: float | None = None
        self._answer_by = 0.0
        self._retry_at = 0.0
        self._failures = 0
        self._arrived: list[Delivery] = []
        self._arrived_bytes = 0
        self.last_error: str | None = None
        """Why it is not connected, or was last cut off, in words; None while all has been well."""

    @property
    def connected(self) -> bool:
        """Subscribed and being served: silence now means that no device speaks."""
        return self._subscribed_at is not None

    @property
    def protocol(self) -> str:
        return self._version

    @property
    def reconnects(self) -> int:
        """Sessions resumed or begun after the first."""
        return max(0, self._sessions - 1)

    def take(self, max_messages: int, max_wait_s: float, linger_s: float) -> ReceivedBatch:
        """Wait up to `max_wait_s` for a first message and `linger_s` more for others; maybe empty. Never raises."""
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
        """Let time pass with the connection kept alive; what arrives is held for the next `take`. Never raises."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._work(left, enough=self._session.receive_maximum + 1)

    def acknowledge(self, batch: ReceivedBatch) -> None:
        """Tell the broker that the messages are safe.

        Does nothing for a batch of an earlier connection: the broker delivers it again, and duplicates are known
        downstream.
        """
        if self._link is not None and batch.connection == self._connection:
            self._link.acknowledge(batch.packet_ids)

    def close(self) -> None:
        """Leave cleanly, acknowledgements sent; the session stays at the broker."""
        self._leave()

    def _pack(self, max_messages: int) -> ReceivedBatch:
        packed, self._arrived = self._arrived[:max_messages], self._arrived[max_messages:]
        messages = tuple([message for _, message in packed if message is not None])
        self._arrived_bytes -= _size_bytes(packed)
        return ReceivedBatch(messages, tuple([packet_id for packet_id, _ in packed]), self._connection)

    def _work(self, timeout_s: float, enough: int) -> None:
        """Connect if it is time to, then serve the network until something happened or the time is over."""
        link = self._link
        if link is None:
            pause_s = self._retry_at - time.monotonic()
            if pause_s > 0:
                time.sleep(min(pause_s, timeout_s))
            else:
                self._connect()
            return
        try:
            reading = len(self._arrived) < enough and self._arrived_bytes <= _HELD_BYTES
            arrived = link.work(timeout_s, reading=reading)
            self._arrived += arrived
            self._arrived_bytes += _size_bytes(arrived)
            if self._subscribed_at is None:
                self._look_for_an_answer(link, reading)
        except OtherVersion as exc:
            self._speak_311(exc)
        except ConnectionLost as exc:
            self._lost(exc)

    def _connect(self) -> None:
        self._connection += 1
        try:
            self._link = _open(self._version, self._session)
        except ConnectionLost as exc:
            self._lost(exc)
        # From now: to get through may have taken as long, with dead addresses before the one that lives.
        self._answer_by = time.monotonic() + _ANSWER_S

    def _look_for_an_answer(self, link: Connection, reading: bool) -> None:
        self._version_known = self._version_known or link.answered
        if link.subscribed:
            if self._sessions and not link.resumed:
                log.warning("%s: the broker has lost our session, and with it what it held for us", self._session.url)
            self._subscribed_at = time.monotonic()
            self._sessions += 1
            self.last_error = None
            log.info("%s: connected as %s, MQTT %s", self._session.url, self._session.client_id, self.protocol)
        elif not reading:  # enough is held: whatever the broker has answered waits unread
            self._answer_by = time.monotonic() + _ANSWER_S
        elif time.monotonic() > self._answer_by:
            silence = ConnectionLost(f"no answer to MQTT {self.protocol} in {_ANSWER_S:.0f} s")
            # Some brokers of 3.1.1 do not refuse MQTT 5 but choke on its properties: try the other, turn by turn.
            if not self._version_known and not self._session.share_group:
                self._version = _V311 if self._version == _V5 else _V5
            raise silence

    def _speak_311(self, refusal: OtherVersion) -> None:
        if self._session.share_group:
            needed = "a shared subscription needs MQTT 5: unset HAULWATCH_BROKER_SHARE_GROUP"
            self._lost(NeedsAPerson(f"{refusal}: {needed}"))
            return
        log.info("%s does not speak MQTT 5: going on with 3.1.1", self._session.url)
        self._version = _V311
        self._leave()

    def _lost(self, why: ConnectionLost) -> None:
        """The connection is gone: say so, and settle when to try again."""
        now = time.monotonic()
        how = ""
        if self._subscribed_at is not None:
            lasted_s = now - self._subscribed_at
            how = f" after {lasted_s:.0f} s"
            if lasted_s > _STEADY_S:
                self._failures = 0
            else:
                # Mosquitto 2.0 throws out the older of two clients with one id without a word.
                how += f"; does another process use the client id {self._session.client_id!r}?"
        self.last_error = f"{self._session.url}: {why}{how}"
        needs_a_person = isinstance(why, NeedsAPerson)
        longest_s = _SLOWEST_RETRY_S if needs_a_person else min(_SLOWEST_RETRY_S, _FIRST_RETRY_S * 2**self._failures)
        pause_s = longest_s * random.uniform(0.5, 1.0)  # noqa: S311 (jitter)
        self._failures = min(self._failures + 1, 10)
        self._retry_at = now + pause_s
        log.warning("%s; trying again in %.1f s", self.last_error, pause_s)
        self._leave()

    def _leave(self) -> None:
        """What arrived stays, since not every broker delivers it again; only its acknowledgements are void."""
        if self._link is not None:
            self._link.close()
        self._link = None
        self._subscribed_at = None
        self._arrived = [(NO_ID, message) for _, message in self._arrived if message is not None]


def _open(version: str, session: Session) -> Connection:
    """Raises ConnectionLost."""
    if version == _V5:
        return Mqtt5(session)
    from ingest.mqtt.mqtt311 import Mqtt311  # noqa: PLC0415 - with paho, which most never need

    return Mqtt311(session)


def _size_bytes(deliveries: Iterable[Delivery]) -> int:
    return sum([len(message.payload) for _, message in deliveries if message is not None])
