"""One connection in MQTT 5, over a socket of our own: large reads, one write for the acknowledgements of a batch."""

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
    NeedsAPerson,
    OtherVersion,
    Session,
    not_granted,
    refused,
)

_READ_BYTES: Final = 256 * 1024
"""About a thousand messages with one call."""
_LEAVE_S: Final = 1.0
_ALOOF_S: Final = 0.05
"""How long one `work` without reading lasts at most."""


class Mqtt5:
    """See `ingest.mqtt.connection.Connection`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._socket = _open(session)
        self._reader = packets.PacketReader()
        self._to_send = bytearray()
        self._ending: ConnectionLost | None = None
        """Said with the next `work`, after what had arrived before."""
        self._unsent: ConnectionLost | None = None
        """Sending failed, maybe in the middle of a packet: what followed would be read as the rest of it, and an
        acknowledgement as one of another message. So nothing more is sent."""
        self._keepalive_s = float(session.keepalive_s)
        self._heard_at = self._sent_at = self._pinged_at = time.monotonic()
        self.answered = False
        self.resumed = False
        self.subscribed = False
        try:
            self._send(packets.connect(session))
        except ValueError as exc:
            self._socket.close()
            raise NeedsAPerson(f"the broker's URL: {exc}") from exc

    def work(self, timeout_s: float, *, reading: bool) -> Sequence[Delivery]:
        if self._ending is not None:
            raise self._ending
        now = time.monotonic()
        self._keep_alive(now)
        if not reading:
            # A broker that may not send cannot be heard either. Once it may, it has its time to show that it is there.
            self._heard_at = now
            time.sleep(min(timeout_s, _ALOOF_S))
            self._send(b"")
            return ()
        if not self._ready(min(timeout_s, self._keepalive_s / 4)):
            self._ending = self._unsent
            self._give_up_the_silent()
            return ()
        if self._to_send:
            self._send(b"")
        return self._receive()

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        self._send(packets.pubacks([packet_id for packet_id in packet_ids if packet_id != NO_ID]))

    def close(self) -> None:
        """Waits for the broker to hang up: closing with unread bytes would reset the connection and with it what we
        said last, the acknowledgements.
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
        if now - min(self._heard_at, self._sent_at) >= half_s and now - self._pinged_at >= half_s:
            self._pinged_at = now
            self._send(packets.PINGREQ)

    def _give_up_the_silent(self) -> None:
        quiet_s = time.monotonic() - self._heard_at
        if self._ending is None and quiet_s > 1.5 * self._keepalive_s:
            self._ending = ConnectionLost(f"connection lost: no sign of life for {quiet_s:.0f} s")

    def _ready(self, timeout_s: float) -> bool:
        """Whether there is something to receive, or room for what is to be sent."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True  # TLS holds bytes that the socket no longer has
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN | (select.POLLOUT if self._to_send else 0))
        return bool(waiting.poll(timeout_s * 1000))

    def _send(self, data: bytes) -> None:
        """Now, as far as the broker takes it, and the rest with the next `work`."""
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
            self._unsent = ConnectionLost(f"connection lost: {exc}")  # said when what had arrived before is given

    def _receive(self) -> Sequence[Delivery]:
        try:
            piece = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return ()
        except OSError as exc:
            self._ending = ConnectionLost(f"connection lost: {exc}")
            return ()
        if not piece:
            self._ending = ConnectionLost("connection lost")
            return ()
        self._heard_at = time.monotonic()
        try:
            deliveries, controls = self._reader.feed(piece, time.time_ns() // 1_000_000)
            for control in controls:
                self._obey(control)
        except packets.MalformedPacket as exc:
            self._ending = ConnectionLost(f"connection given up: the broker sent {exc}")
            return ()
        except ConnectionLost as exc:
            self._ending = exc
        return deliveries

    def _obey(self, control: packets.Control) -> None:
        match control:
            case packets.Accepted():
                self._subscribe(control)
            case packets.Refused(code=packets.UNSUPPORTED_PROTOCOL):
                raise OtherVersion(f"refused the connection: {control.reason}")
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
        # Only now, so that no message finds the session without a subscription.
        if self._session.other_filters:
            self._send(packets.unsubscribe(self._session.other_filters))
        self.subscribed = True


def _open(session: Session) -> socket.socket:
    """Connected, with TLS if the URL says so, and from then on never blocking."""
    url = session.url
    plain: socket.socket | None = None
    try:
        opened = plain = socket.create_connection((url.host, url.port), CONNECT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if session.tls is not None:
            opened = session.tls.wrap_socket(plain, server_hostname=url.host)
        opened.setblocking(False)
    except (OSError, ValueError) as exc:  # ValueError: a host that is no name
        if plain is not None:
            plain.close()
        raise ConnectionLost(str(exc)) from exc
    return opened
