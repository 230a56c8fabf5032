"""One connection in MQTT 5 over a plain socket: large reads, one write for the acknowledgements of a batch."""

import select
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from ingest.mqtt import packets
from ingest.mqtt.connection import (
    CONNECT_S,
    NO_ID,
    ConnectionLost,
    Delivery,
    NeedsOperator,
    Session,
    VersionRefused,
    not_granted,
    refused,
)

_READ_BYTES: Final = 256 * 1024
"""About a thousand messages in one call."""
_LEAVE_S: Final = 1.0
_NOT_READING_S: Final = 0.05
"""Longest `work` without reading."""


class Mqtt5:
    """A `ingest.mqtt.connection.Connection` in MQTT 5."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._socket = _open(session)
        self._reader = packets.PacketReader()
        self._to_send = bytearray()
        self._ending: ConnectionLost | None = None
        """Raised by the next `work`, after the messages that arrived before."""
        self._unsent: ConnectionLost | None = None
        """The error of sending, maybe in the middle of a packet. Nothing more is sent: the broker would read the next
        bytes as the rest of that packet, and an acknowledgement as one of another message."""
        self._keepalive_s = float(session.keepalive_s)
        self._received_at = self._sent_at = self._pinged_at = time.monotonic()
        self.answered = False
        self.resumed = False
        self.subscribed = False
        try:
            self._send(packets.connect(session))
        except ValueError as exc:
            self._socket.close()
            raise NeedsOperator(f"the broker's URL: {exc}") from exc

    def work(self, timeout_s: float, *, reading: bool) -> Sequence[Delivery]:
        if self._ending is not None:
            raise self._ending
        now = time.monotonic()
        self._keep_alive(now)
        if not reading:
            # While nothing is read the broker cannot show that it is there. Its time starts again with the next read.
            self._received_at = now
            time.sleep(min(timeout_s, _NOT_READING_S))
            self._send(b"")
            return ()
        if not self._ready(min(timeout_s, self._keepalive_s / 4)):
            self._ending = self._unsent
            self._check_silence()
            return ()
        if self._to_send:
            self._send(b"")
        return self._receive()

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        self._send(packets.pubacks([packet_id for packet_id in packet_ids if packet_id != NO_ID]))

    def close(self) -> None:
        """Disconnect and wait until the broker hangs up.

        Closing with unread bytes would reset the connection, and the last acknowledgements would be lost.
        """
        with suppress(OSError):
            if self._ending is None and self._unsent is None:
                self._socket.settimeout(_LEAVE_S)
                self._socket.sendall(bytes(self._to_send) + packets.DISCONNECT)
                self._socket.shutdown(socket.SHUT_WR)
                leave_by = time.monotonic() + _LEAVE_S
                while self._socket.recv(_READ_BYTES) and time.monotonic() < leave_by:
                    pass
        self._socket.close()

    def _keep_alive(self, now: float) -> None:
        half_s = self._keepalive_s / 2
        if now - min(self._received_at, self._sent_at) >= half_s and now - self._pinged_at >= half_s:
            self._pinged_at = now
            self._send(packets.PINGREQ)

    def _check_silence(self) -> None:
        silent_s = time.monotonic() - self._received_at
        if self._ending is None and silent_s > 1.5 * self._keepalive_s:
            self._ending = ConnectionLost(f"connection lost: no sign of life for {silent_s:.0f} s")

    def _ready(self, timeout_s: float) -> bool:
        """Wait until there is something to receive, or the socket takes what is to be sent; False if neither came."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True  # TLS holds bytes that the socket no longer has
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN | (select.POLLOUT if self._to_send else 0))
        return bool(waiting.poll(timeout_s * 1000))

    def _send(self, data: bytes) -> None:
        """Send as much as the socket takes now, and the rest with the next `work`."""
        if self._ending is not None or self._unsent is not None:
            return
        self._to_send += data
        if not self._to_send:
            return
        try:
            del self._to_send[: self._socket.send(self._to_send)]
            self._sent_at = time.monotonic()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as exc:
            self._to_send.clear()
            self._unsent = ConnectionLost(f"connection lost: {exc}")  # raised after the messages that arrived before

    def _receive(self) -> Sequence[Delivery]:
        try:
            data = self._read()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return ()
        except OSError as exc:
            self._ending = ConnectionLost(f"connection lost: {exc}")
            return ()
        if not data:
            self._ending = ConnectionLost("connection lost")
            return ()
        self._received_at = time.monotonic()
        try:
            deliveries, controls = self._reader.feed(data, time.time_ns() // 1_000_000)
            for control in controls:
                self._handle(control)
        except packets.MalformedPacket as exc:
            self._ending = ConnectionLost(f"connection given up: the broker sent {exc}")
            return ()
        except ConnectionLost as exc:
            self._ending = exc
        return deliveries

    def _read(self) -> bytes:
        """What has arrived, up to about _READ_BYTES. Raises as `recv` does, where nothing has."""
        data = self._socket.recv(_READ_BYTES)
        if not data or not isinstance(self._socket, ssl.SSLSocket):
            return data
        # TLS gives one record at a time, and Mosquitto puts each packet into one of its own.
        records = [data]
        size = len(data)
        with suppress(OSError):  # nothing more for now, or an end that the next call meets
            while size < _READ_BYTES and (data := self._socket.recv(_READ_BYTES)):
                records.append(data)
                size += len(data)
        return b"".join(records)

    def _handle(self, control: packets.Control) -> None:
        match control:
            case packets.Accepted():
                self._subscribe(control)
            case packets.Refused(code=packets.UNSUPPORTED_PROTOCOL):
                raise VersionRefused(f"refused the connection: {control.reason}")
            case packets.Refused():
                self.answered = True
                raise refused("refused the connection", control.code, control.reason)
            case packets.Granted():
                self._subscribed(control)
            case packets.Dismissed():
                raise refused("connection closed by the broker", control.code, control.reason)

    def _subscribe(self, accepted: packets.Accepted) -> None:
        self.answered = True
        self.resumed = accepted.session_present
        self._keepalive_s = float(accepted.keepalive_s or self._session.keepalive_s)
        if self._session.share_group and not accepted.shares:
            raise not_granted(0x9E, "Shared subscriptions not supported")
        self._send(packets.subscribe(self._session.filters))

    def _subscribed(self, granted: packets.Granted) -> None:
        for code, reason in granted.answers:
            if code != 1:
                raise not_granted(code, reason)
        # Only now, so that the session is never without a subscription.
        if self._session.other_filters:
            self._send(packets.unsubscribe(self._session.other_filters))
        self.subscribed = True


def _open(session: Session) -> socket.socket:
    """Connect, with TLS if the URL asks for it; the socket does not block. Raises ConnectionLost."""
    url = session.url
    plain: socket.socket | None = None
    try:
        opened = plain = socket.create_connection((url.host, url.port), CONNECT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = url.tls_context()
        if tls is not None:
            opened = tls.wrap_socket(plain, server_hostname=url.host)
        opened.setblocking(False)
    except (OSError, ValueError) as exc:  # ValueError: a host that is no valid name
        if plain is not None:
            plain.close()
        raise ConnectionLost(str(exc)) from exc
    return opened
