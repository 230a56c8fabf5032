"""What a connection to the broker is to `MqttSource`, whichever version of MQTT it speaks.

ConnectionLost          try again, with a growing pause
├── NeedsAPerson        trying again soon changes nothing
└── OtherVersion        the broker does not speak MQTT 5: use 3.1.1
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from devices.codecs.topics import READINGS_FILTERS
from ingest.log.records import RawMessage
from ingest.mqtt.url import MqttUrl

COMMAND: Final = "/command"
"""How topics end that are ours, to a device: acknowledged in their turn, and no reading to keep."""
NO_ID: Final = 0
"""Packet id of what needs no acknowledgement: QoS 0, or delivered by an earlier connection."""
CONNECT_S: Final = 5.0
"""For the name, TCP and TLS together with each address of the host."""

Delivery = tuple[int, RawMessage | None]
"""Packet id and message; None for what is acknowledged and not kept."""

_NOT_AUTHORISED: Final = "check user and password of the broker's URL, and what that user may read"
A_PERSON_MUST_MEND: Final = {
    0x85: "the client id is not valid there",
    0x86: "check user and password of the broker's URL",
    0x87: _NOT_AUTHORISED,
    0x8A: "this client is banned there",
    0x9E: "it knows no shared subscriptions: unset HAULWATCH_BROKER_SHARE_GROUP",
}
"""MQTT 5 reason codes that trying again soon will not change."""


class ConnectionLost(Exception):
    """It never came up, or is gone; the text says why."""


class NeedsAPerson(ConnectionLost):
    """A setting is wrong, here or at the broker."""


class OtherVersion(ConnectionLost):
    """The broker said that it does not speak this version of MQTT."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who we are to the broker, and what it keeps for us. `MqttSource` explains each field."""

    url: MqttUrl
    client_id: str
    expiry_s: int
    receive_maximum: int
    keepalive_s: int
    share_group: str
    former_groups: frozenset[str]
    tls: ssl.SSLContext | None = field(repr=False)

    @property
    def filters(self) -> list[str]:
        return shared(self.share_group)

    @property
    def other_filters(self) -> list[str]:
        """What the session may still be subscribed to from the time before the setting was changed: each would bring
        the same messages once more.
        """
        groups = {"", *self.former_groups} - {self.share_group}
        return [topic_filter for group in sorted(groups) for topic_filter in shared(group)]


def shared(group: str) -> list[str]:
    """The filters of the readings, shared in `group` if it has a name (MQTT 5, section 4.8.2)."""
    prefix = f"$share/{group}/" if group else ""
    return [prefix + topic_filter for topic_filter in READINGS_FILTERS]


def refused(what: str, code: int, reason: str) -> ConnectionLost:
    """The error for a reason code of failure."""
    mend = A_PERSON_MUST_MEND.get(code)
    if mend is None:
        return ConnectionLost(f"{what}: {reason}")
    return NeedsAPerson(f"{what}: {reason}: {mend}")


def not_granted(code: int, reason: str) -> ConnectionLost:
    """The error for a subscription that was refused or came out smaller."""
    return NeedsAPerson(str(refused("did not grant the subscription at QoS 1", code, reason)))


class Connection(Protocol):
    """One connection, from its opening to its end. The constructor connects; it and `work` raise ConnectionLost."""

    @property
    def answered(self) -> bool:
        """The broker took our CONNECT, so it speaks this version."""

    @property
    def resumed(self) -> bool:
        """The broker still had our session, once it has answered."""

    @property
    def subscribed(self) -> bool: ...

    def work(self, timeout_s: float, *, reading: bool) -> Sequence[Delivery]:
        """Send and receive until something happened or the time is over; without `reading` keep the connection alive
        and let the broker wait.
        """

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """In this order. Never raises: the broker delivers again what it did not hear of."""

    def close(self) -> None:
        """Leave, with everything sent that was to be sent. Never raises."""
