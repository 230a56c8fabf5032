"""The publisher: a steady QoS 1 stream that knows which messages the broker has acknowledged."""

import time
from collections.abc import Iterable
from threading import Event, Lock, Thread
from typing import Final, NamedTuple

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from tests.chaos.fleet import SLICE_S, Fleet, Message

RATE: Final = 900
"""Messages a second: a large city's traffic; a slice takes less than two seconds."""
_IN_FLIGHT: Final = 100
_PATIENCE_S: Final = 60.0


class Sent(NamedTuple):
    """A message and what the broker said of it."""

    message: Message
    info: MQTTMessageInfo

    @property
    def acknowledged(self) -> bool:
        return self.info.is_published()


class Stream:
    """One connection, so that messages keep their order; it comes back by itself and sends again what was not taken.

    Slices follow each other in device time over all rounds.
    """

    def __init__(self, fleet: Fleet, port: int, first_ms: int) -> None:
        self._fleet, self._port, self._next_ms = fleet, port, first_ms
        self.sent: list[Sent] = []
        """In the order they were published, of this round."""
        self.start_ms = self.end_ms = first_ms
        """Device time of this round."""
        self._lock = Lock()
        self._lost = Event()
        self._last_slice, self._going_on, self._resting = Event(), Event(), Event()
        self._going_on.set()
        self._thread: Thread | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2, "chaos-devices", clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.on_disconnect = lambda *_: self._lost.set()
        self._client.max_inflight_messages_set(_IN_FLIGHT)
        self._client.reconnect_delay_set(1, 1)

    @property
    def slice_ms(self) -> int:
        """Where the slice begins that is published now, device time."""
        return self._next_ms

    def connect(self) -> None:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()

    def close(self) -> None:
        self.finish()
        self._client.disconnect()
        self._client.loop_stop()

    def begin(self) -> None:
        """A new round."""
        self.sent, self.start_ms = [], self._next_ms
        self._last_slice.clear()
        self._thread = Thread(target=self._publish, name="devices", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """End with the slice that runs."""
        self._last_slice.set()
        self.go_on()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.end_ms = self._next_ms

    def pause(self) -> None:
        """Return when a slice is over, no more is published, and everything is acknowledged.

        Raises TimeoutError.
        """
        self._going_on.clear()
        if not self._resting.wait(_PATIENCE_S) or not self.wait_acknowledged(_PATIENCE_S):
            raise TimeoutError(f"the broker has not taken everything in {_PATIENCE_S:.0f} s")

    def go_on(self) -> None:
        """At least one slice long."""
        self._resting.clear()
        self._going_on.set()

    def say(self, messages: Iterable[Message]) -> None:
        """Publish these among the others."""
        for message in messages:
            self._keep_order()
            with self._lock:
                info = self._client.publish(message.topic, message.payload, qos=1)
                if info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:  # paho keeps it until it is connected: not a failure
                    info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
                self.sent.append(Sent(message, info))

    def _keep_order(self) -> None:
        """Let paho repeat what was in flight on a lost connection first: it would send the new ahead of it."""
        until = time.monotonic() + _PATIENCE_S
        while self._lost.is_set():
            if time.monotonic() > until:
                raise TimeoutError(f"the broker took nothing for {_PATIENCE_S:.0f} s")
            if self._client.is_connected() and self.wait_acknowledged(1.0):
                self._lost.clear()
            time.sleep(0.01)

    def wait_acknowledged(self, timeout_s: float) -> bool:
        """Whether the broker has taken everything."""
        until = time.monotonic() + timeout_s
        while not all(sent.acknowledged for sent in self.sent):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def _publish(self) -> None:
        due = time.monotonic()
        while True:
            for messages in self._fleet.slice(self._next_ms):
                self.say(messages)
                due += len(messages) / RATE
                time.sleep(max(0.0, due - time.monotonic()))
            self._next_ms += SLICE_S * 1000
            if not self._going_on.is_set():
                self._resting.set()
                self._going_on.wait()
                due = time.monotonic()
            if self._last_slice.is_set():
                return
