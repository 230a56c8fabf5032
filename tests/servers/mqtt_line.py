"""One MQTT connection, with all answers of the broker and their reason codes."""

import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.waiting import PATIENCE_S

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


class Line:
    """A connection that works only inside its calls: no thread, no reconnect. `answer` is the answer to CONNECT."""

    def __init__(
        self,
        port: int,
        user: str | None = None,
        password: str | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        version: MQTTProtocolVersion = V5,
        client_id: str = "",
        session_s: int = 0,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.answer = "closed"
        self.open = True
        self.messages: list[MQTTMessage] = []
        self._answers: dict[int, list[str]] = {}
        self._version = version
        client = self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=version)
        if user is not None:
            client.username_pw_set(user, password)
        if tls is not None:
            client.tls_set_context(tls)
        if will is not None:
            client.will_set(*will, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_disconnect = self._ended
        client.on_message = lambda _client, _userdata, message: self.messages.append(message)
        client.on_publish = lambda _client, _userdata, mid, reason, _properties: self._note(mid, [reason])
        client.on_subscribe = lambda _client, _userdata, mid, reasons, _properties: self._note(mid, reasons)
        properties = None
        if version is V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = session_s
        client.connect("127.0.0.1", port, clean_start=session_s == 0 if version is V5 else 3, properties=properties)
        with suppress(_Ended):
            self._work_until(lambda: self.answer != "closed")

    def publish(self, topic: str, payload: bytes = b"{}", *, retain: bool = False) -> str:
        """Publish at QoS 1. Returns the reason of the acknowledgement; `Success` also without a subscriber."""
        mid = self._client.publish(topic, payload, qos=1, retain=retain).mid
        self._work_until(lambda: mid in self._answers)
        return self._answers[mid][0].replace("No matching subscribers", "Success")

    def subscribe(self, topic_filter: str, *, retained: bool = False) -> str:
        """Subscribe at QoS 1, by default without retained messages. Returns the reason of the acknowledgement."""
        return self.subscribe_all([topic_filter], retained=retained)[0]

    def subscribe_all(self, topic_filters: Sequence[str], *, retained: bool = False) -> list[str]:
        """Subscribe to all of them in one packet. Returns the reason for each; MQTT 3.1.1 sends retained messages."""
        options = SubscribeOptions(qos=1, retainHandling=0 if retained else 2)
        if self._version is V5:
            _, mid = self._client.subscribe([(topic_filter, options) for topic_filter in topic_filters])
        else:
            _, mid = self._client.subscribe([(topic_filter, 1) for topic_filter in topic_filters])
        assert mid is not None
        self._work_until(lambda: mid in self._answers)
        return self._answers[mid]

    def topics(self, count: int) -> list[str]:
        """Topics of the messages, once at least `count` have arrived."""
        self._work_until(lambda: len(self.messages) >= count)
        return [message.topic for message in self.messages]

    def wait_ended(self) -> None:
        """Return when the broker has closed the connection."""
        with suppress(_Ended):
            self._work_until(lambda: False)

    def leave(self) -> None:
        """Disconnect; the broker sends no will."""
        self._client.disconnect()
        self.wait_ended()

    def drop(self) -> None:
        """Close the socket without DISCONNECT, so that the broker sends the will."""
        sock = self._client.socket()
        assert sock is not None
        sock.close()

    def _work_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if not self.open or self._client.loop(0.05) is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                self.open = False
                raise _Ended("the broker has closed the connection")
            if time.monotonic() > deadline:
                pytest.fail("the broker did not answer")

    def _connected(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.answer = str(reason)

    def _ended(self, *_arguments: Any) -> None:
        self.open = False

    def _note(self, mid: int, reasons: list[Any]) -> None:
        self._answers[mid] = [str(reason) for reason in reasons]


class _Ended(Exception):
    """The broker has closed the connection."""
