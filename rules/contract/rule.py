"""What every rule is.

A new rule is one module with its parameters, its state and its class, a line in the catalogue, and a test file.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from devices.city.model import City, DeviceRole
from rules.contract.observation import Observation, Silence
from rules.contract.verdicts import Verdict


class Parameters(BaseModel):
    """Thresholds of a rule, with units in their names. Unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


S = TypeVar("S")
"""A rule's state of one device: a dataclass that `rules.engine.snapshot` can write and read back."""
M = TypeVar("M")
"""What a rule remembers of the whole fleet: likewise."""


class Rule(ABC, Generic[S]):
    """Judges devices one by one. Pure: all it knows of the past is in the state it is handed.

    A verdict's `at` is never before the one it gave last for the same subject and part.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    """Grows when the same readings would be judged otherwise; a state of another version is not taken over."""
    parameters: Parameters
    roles: ClassVar[frozenset[DeviceRole]]
    """Devices it is asked about."""
    state: type[S]

    @abstractmethod
    def judge(self, step: Observation, state: S) -> Sequence[Verdict]:
        """Say what a reading, in order, means."""

    def judge_late(self, step: Observation, state: S) -> Sequence[Verdict]:
        """Say what a reading means that came too late to be put in order; most rules pass over it."""
        return ()

    def due(self, state: S) -> int | None:
        """Device time, ms, at which silence would mean something; None when it never does."""
        return None

    def expire(self, quiet: Silence, state: S) -> Sequence[Verdict]:
        """Say what it means that `due` has passed for the whole fleet while the device was not heard."""
        return ()


class FleetRule(Rule[S], Generic[S, M]):
    """Compares devices.

    Its verdicts wait until fleet time is `reorder.HOLD_MS` past them, and count in one order over all devices, whatever
    order the readings came in.
    """

    memory: type[M]

    @abstractmethod
    def settle(self, verdict: Verdict, memory: M, city: City) -> Iterable[Verdict]:
        """Say what becomes of a verdict in the light of other devices'."""
