"""The stream of the devices: steady, QoS 1; it records which messages the broker has acknowledged."""

import time
from collections.abc import Iterable
from threading import Event, Lock, Thread
from typing import Final, NamedTuple

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from tests.chaos.fleet import SLICE_S, TICK_S, Fleet, Message

RATE: Final = 900
"""Messages/s: the traffic of a large city; a slice takes less than two seconds."""
_IN_FLIGHT: Final = 100
_LIMIT_S: Final = 300.0


class Sent(NamedTuple):
    """A message and its acknowledgement."""

    message: Message
    info: MQTTMessageInfo

    @property
    def acknowledged(self) -> bool:
        return self.info.is_published()


class Stream:
    """One connection, so that messages keep their order. It reconnects by itself and repeats unacknowledged messages.

    Slices follow each other in device time over all rounds.
    """

    def __init__(
        self, fleet: Fleet, port: int, first_ms: int, login: tuple[str, str] | None = None, rate: float = RATE
    ) -> None:
        """`rate`: messages/s."""
        self._rate = rate
        self._fleet, self._port, self._next_ms = fleet, port, first_ms
        self.sent: list[Sent] = []
        """Messages of this round, in the order of publishing."""
        self.start_ms = self.end_ms = first_ms
        """Device time of this round."""
        self.published_at: list[tuple[int, float]] = []
        """Device time (ms) of each tick of this round, and when it was published, monotonic seconds."""
        self._lock = Lock()
        self._connection_lost = Event()
        self._last_slice, self._publishing, self._paused = Event(), Event(), Event()
        self._publishing.set()
        self._thread: Thread | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2, "chaos-devices", clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
        )
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.on_disconnect = lambda *_: self._connection_lost.set()
        self._client.max_inflight_messages_set(_IN_FLIGHT)
        self._client.reconnect_delay_set(1, 1)

    @property
    def slice_ms(self) -> int:
        """Device time at the beginning of the slice that is being published."""
        return self._next_ms

    def connect(self) -> None:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()

    def close(self) -> None:
        self.finish()
        self._client.disconnect()
        self._client.loop_stop()

    def begin(self) -> None:
        """Begin a new round."""
        self.sent, self.start_ms, self.published_at = [], self._next_ms, []
        self._last_slice.clear()
        self._thread = Thread(target=self._publish_slices, name="devices", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """End the round with the current slice."""
        self._last_slice.set()
        self.resume()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.end_ms = self._next_ms

    def pause(self) -> None:
        """Stop publishing at the end of a slice. Returns when everything is acknowledged.

        Raises TimeoutError.
        """
        self._publishing.clear()
        if not self._paused.wait(_LIMIT_S) or not self.wait_acknowledged(_LIMIT_S):
            raise TimeoutError(f"the broker has not acknowledged everything in {_LIMIT_S:.0f} s")

    def resume(self) -> None:
        """Publish again, at least one slice."""
        self._paused.clear()
        self._publishing.set()

    def publish(self, messages: Iterable[Message]) -> None:
        """Publish these messages between those of the slices."""
        for message in messages:
            self._keep_order()
            with self._lock:
                info = self._client.publish(message.topic, message.payload, qos=1)
                if info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:  # paho keeps it until it is connected: not a failure
                    info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
                self.sent.append(Sent(message, info))

    def _keep_order(self) -> None:
        """After a lost connection, wait until paho has repeated messages in flight: it would send new ones first."""
        until = time.monotonic() + _LIMIT_S
        while self._connection_lost.is_set():
            if time.monotonic() > until:
                raise TimeoutError(f"the broker acknowledged nothing for {_LIMIT_S:.0f} s")
            if self._client.is_connected() and self.wait_acknowledged(1.0):
                self._connection_lost.clear()
            time.sleep(0.01)

    def wait_acknowledged(self, timeout_s: float) -> bool:
        """Wait until the broker has acknowledged everything. Returns False at the timeout."""
        until = time.monotonic() + timeout_s
        while not all(sent.acknowledged for sent in self.sent):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def _publish_slices(self) -> None:
        due = time.monotonic()
        while True:
            for number, messages in enumerate(self._fleet.slice(self._next_ms)):
                self.publish(messages)
                self.published_at.append((self._next_ms + (number + 1) * TICK_S * 1000 - 1, time.monotonic()))
                due += len(messages) / self._rate
                time.sleep(max(0.0, due - time.monotonic()))
            self._next_ms += SLICE_S * 1000
            if not self._publishing.is_set():
                self._paused.set()
                self._publishing.wait()
                due = time.monotonic()
            if self._last_slice.is_set():
                return
