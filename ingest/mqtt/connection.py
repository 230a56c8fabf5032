"""The port between `MqttSource` and a connection to the broker, in either version of MQTT.

ConnectionLost          try again, with a growing pause
├── NeedsOperator       a setting is wrong: trying again soon changes nothing
└── VersionRefused      the broker does not speak MQTT 5: use 3.1.1
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from devices.codecs.registry import CODECS
from ingest.log.records import RawMessage
from ingest.mqtt.url import MqttUrl

COMMAND: Final = "/command"
"""End of the topics of our own commands to devices: acknowledged in their turn, and not kept."""
NO_ID: Final = 0
"""Packet id of a message that needs no acknowledgement: QoS 0, or delivered by an earlier connection."""
CONNECT_S: Final = 5.0
"""Time for name, TCP and TLS together, for each address of the host."""

Delivery = tuple[int, RawMessage | None]
"""Packet id and message; None in place of a message that is acknowledged and not kept."""

_NOT_AUTHORISED: Final = "check user and password of the broker's URL, and what that user may read"
HINTS: Final = {
    0x85: "the client id is not valid there",
    0x86: "check user and password of the broker's URL",
    0x87: _NOT_AUTHORISED,
    0x8A: "this client is banned there",
    0x9E: "it knows no shared subscriptions: unset HAULWATCH_BROKER_SHARE_GROUP",
}
"""MQTT 5 reason code that trying again soon does not change → what an operator must do."""


class ConnectionLost(Exception):
    """The connection could not be made, or broke; the text names the cause."""


class NeedsOperator(ConnectionLost):
    """A setting is wrong, here or at the broker."""


class VersionRefused(ConnectionLost):
    """The broker does not speak this version of MQTT."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session at the broker: the collector's, or that of deposits. `MqttSource` explains each field."""

    url: MqttUrl
    client_id: str
    expiry_s: int
    receive_maximum: int
    keepalive_s: int
    share_group: str
    former_groups: frozenset[str]
    topic_filters: tuple[str, ...] = CODECS.topic_filters

    @property
    def filters(self) -> list[str]:
        return _shared(self.topic_filters, self.share_group)

    @property
    def other_filters(self) -> list[str]:
        """Filters that the session may still hold from before the setting was changed.

        Each would deliver the same messages once more.
        """
        groups = {"", *self.former_groups} - {self.share_group}
        return [topic_filter for group in sorted(groups) for topic_filter in _shared(self.topic_filters, group)]


def reading_filters(group: str) -> list[str]:
    """The filters of the readings, shared in `group` unless that is empty (MQTT 5, section 4.8.2)."""
    return _shared(CODECS.topic_filters, group)


def _shared(topic_filters: Sequence[str], group: str) -> list[str]:
    prefix = f"$share/{group}/" if group else ""
    return [prefix + topic_filter for topic_filter in topic_filters]


def refused(event: str, code: int, reason: str) -> ConnectionLost:
    """The error for a reason code of failure."""
    hint = HINTS.get(code)
    if hint is None:
        return ConnectionLost(f"{event}: {reason}")
    return NeedsOperator(f"{event}: {reason}: {hint}")


def not_granted(code: int, reason: str) -> ConnectionLost:
    """The error for a subscription that was refused or granted at a lower QoS."""
    return NeedsOperator(str(refused("did not grant the subscription at QoS 1", code, reason)))


class Connection(Protocol):
    """One connection, from start to end. The constructor connects; it and `work` raise ConnectionLost."""

    @property
    def answered(self) -> bool:
        """The broker answered CONNECT, so it speaks this version."""

    @property
    def resumed(self) -> bool:
        """The broker still had our session; valid once `answered`."""

    @property
    def subscribed(self) -> bool: ...

    def work(self, timeout_s: float, *, reading: bool) -> Sequence[Delivery]:
        """Send and receive until something happened or the time is over.

        Without `reading` it only keeps the connection alive, and the broker has to wait.
        """

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Acknowledge in this order. Never raises: after a lost acknowledgement the broker delivers again."""

    def close(self) -> None:
        """Send what waits to be sent, and leave. Never raises."""
