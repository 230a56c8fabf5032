"""One connection of the load generator: many publishes in flight at once, every acknowledgement counted."""

import socket
from collections.abc import Iterator
from typing import Final

from simulators.load.packets import CONNACK, DISCONNECT, PUBACK, Version, connect, packets_in, publish

_FAILURE: Final = 0x80
"""The lowest reason code of MQTT 5 that means failure."""


class LoadConnection:
    """One connection to a broker on loopback. Raises OSError when it breaks."""

    def __init__(self, port: int, client_id: str, version: Version = Version.V311) -> None:
        self._version = version
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = bytearray()
        self._packet_id = 0
        self.in_flight = self.acknowledged = self.refused = 0
        self._socket.sendall(connect(client_id, version))
        kind, body = next(self._receive())
        if kind != CONNACK or body[1] != 0:
            raise ConnectionRefusedError(f"the broker on port {port} answered CONNECT with {body.hex()}")

    def encode(self, topic: str, payload: bytes) -> bytes:
        """The packet of a publish, with this connection's next packet id."""
        self._packet_id = self._packet_id % 65_535 + 1
        return publish(topic, payload, self._packet_id, self._version)

    def send(self, packets: bytes, count: int, window: int) -> None:
        """Write `count` publishes once the window has room for them."""
        while self.in_flight and self.in_flight + count > window:
            self._take_acknowledgements()
        self._socket.sendall(packets)
        self.in_flight += count

    def finish(self) -> None:
        """Wait for every acknowledgement."""
        while self.in_flight:
            self._take_acknowledgements()

    def close(self) -> None:
        self._socket.sendall(DISCONNECT)
        self._socket.close()

    def _take_acknowledgements(self) -> None:
        for kind, body in self._receive():
            if kind == PUBACK:
                self.in_flight -= 1
                self.acknowledged += 1
                self.refused += len(body) > 2 and body[2] >= _FAILURE

    def _receive(self) -> Iterator[tuple[int, bytes]]:
        while True:
            received = self._socket.recv(65_536)
            if not received:
                raise ConnectionResetError("the broker closed the connection")
            self._unread += received
            if packets := packets_in(self._unread):
                return iter(packets)
