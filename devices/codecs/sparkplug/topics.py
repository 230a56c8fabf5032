"""Topics of Sparkplug B, and the id that a device has here."""

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from devices.readings.ids import DEVICE_ID_PATTERN

NAMESPACE: Final = "spBv1.0"
ALL_TOPICS: Final = f"{NAMESPACE}/#"
_ID: Final = re.compile(DEVICE_ID_PATTERN)
_MAX_ID_CHARS: Final = 64
_HASH_CHARS: Final = 8
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


class MessageType(StrEnum):
    """The types of messages between edge nodes and hosts."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"
    DCMD = "DCMD"

    @property
    def is_of_a_device(self) -> bool:
        """Its topic has a device level; that of the others has none."""
        return self.value.startswith("D")


@dataclass(frozen=True, slots=True)
class SparkplugTopic:
    """Who sends, and what kind of message."""

    group: str
    type: MessageType
    node: str
    device: str = ""
    """Empty for the edge node itself."""

    def __str__(self) -> str:
        end = f"/{self.device}" if self.device else ""
        return f"{NAMESPACE}/{self.group}/{self.type}/{self.node}{end}"


def parse_sparkplug_topic(topic: str) -> SparkplugTopic | None:
    """None for a topic that is not of Sparkplug B, such as a message of a node with a device level."""
    namespace, _, rest = topic.partition("/")
    levels = rest.split("/")
    if namespace != NAMESPACE or not 3 <= len(levels) <= 4 or not all(levels):
        return None
    if levels[1] not in MessageType.__members__:
        return None
    message_type = MessageType(levels[1])
    if message_type.is_of_a_device != (len(levels) == 4):
        return None
    return SparkplugTopic(levels[0], message_type, levels[2], *levels[3:])


def state_topic(host: str) -> str:
    """Where a host application says whether it is there."""
    return f"{NAMESPACE}/STATE/{host}"


def device_id_of(group: str, node: str, device: str = "") -> str:
    """The id that a device is registered by: its names with dots between.

    Where a character is replaced, or the whole is too long, a piece of a hash follows, so that two devices never have
    one id.
    """
    names = [group, node, device] if device else [group, node]
    plain = ".".join(_UNSAFE.sub("_", name) for name in names)
    if plain == ".".join(names) and "." not in "".join(names) and _ID.fullmatch(plain):
        return plain
    digest = sha256("/".join(names).encode()).hexdigest()[:_HASH_CHARS]
    begins = plain if plain[0].isalnum() else f"x{plain}"
    return f"{begins[: _MAX_ID_CHARS - _HASH_CHARS - 1]}-{digest}"
