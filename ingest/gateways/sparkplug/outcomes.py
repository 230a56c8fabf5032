"""What follows from a message or from time: the host carries it out."""

from dataclasses import dataclass
from enum import StrEnum

from devices.codecs.sparkplug.payload import SparkplugPayload


class Dropped(StrEnum):
    """Why a message led to nothing; counted by it."""

    TOPIC = "topic"
    """The topic is none of Sparkplug B, such as a message of a node with a device level."""
    TOO_LARGE = "too_large"
    PAYLOAD = "payload"
    """The bytes are no payload."""
    NO_METRICS = "no_metrics"
    NO_BIRTH = "no_birth"
    """No birth of the node or device is there, or messages since are missing: a rebirth is asked for."""
    UNKNOWN_METRIC = "unknown_metric"
    """No birth names a metric of it: a rebirth is asked for."""
    AMBIGUOUS = "ambiguous"
    """Metrics, not messages: two were born with the same alias."""
    NO_SEQ = "no_seq"
    REPEATED = "repeated"
    OLD_DEATH = "old_death"
    """The death of an earlier session of the node."""
    TOO_MANY = "too_many"
    """More nodes, devices or metrics than are kept."""
    COMMAND = "command"
    """Of another host, to an edge node: no business of ours."""
    UNWANTED = "unwanted"
    """None of its metrics is on the list of those that are passed on, and the device was just heard."""


@dataclass(frozen=True, slots=True)
class Republish:
    """A message of a device, complete in itself."""

    device_id: str
    payload: SparkplugPayload


@dataclass(frozen=True, slots=True)
class AskRebirth:
    """Ask an edge node for all its births."""

    group: str
    node: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages of an edge node are missing, and did not come in time."""

    group: str
    node: str
    after: int
    """The number up to which none is missing."""
    got: int
    """The next one that came."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A message led to nothing."""

    reason: Dropped
    who: str
    """Its topic, or the edge node."""
    count: int = 1


Outcome = Republish | AskRebirth | Gap | Drop
