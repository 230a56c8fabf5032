"""What the host application publishes itself: its state, and requests for rebirth."""

import json
from typing import Final

from devices.codecs.sparkplug.datatypes import DataType
from devices.codecs.sparkplug.payload import Metric, SparkplugPayload, write_payload
from devices.codecs.sparkplug.topics import MessageType, SparkplugTopic

REBIRTH: Final = "Node Control/Rebirth"


def rebirth_topic(group: str, node: str) -> str:
    """Where an edge node takes commands."""
    return str(SparkplugTopic(group, MessageType.NCMD, node))


def rebirth_payload(now_ms: int) -> bytes:
    """The request for all births of an edge node."""
    asks = Metric(REBIRTH, datatype=DataType.BOOLEAN, value=True)
    return write_payload(SparkplugPayload(now_ms, None, (asks,)))


def state_payload(*, online: bool, since_ms: int) -> bytes:
    """The state of the host. `since_ms` is when it connected: that of its will is the same."""
    return json.dumps({"online": online, "timestamp": since_ms}, separators=(",", ":")).encode()


def says_offline(payload: bytes) -> bool:
    """Whether a state says that the host is away. False for what is no state."""
    try:
        state = json.loads(payload)
    except (ValueError, RecursionError):
        return False
    return isinstance(state, dict) and state.get("online") is False
