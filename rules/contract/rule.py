"""The contract of a rule.

A new rule is one package in `rules.detectors` with its parameters, its state and its class, a line in the catalogue,
and a test file.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from devices.city.model import City, Device, DeviceRole
from rules.alerts.model import Text
from rules.contract.observation import ClockFound, Observation, Silence
from rules.contract.verdicts import Verdict


class WrongParameter(ValueError):
    """A value that a parameter cannot have: for validators, whose sentences people read in their language."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


class Parameters(BaseModel):
    """Thresholds of a rule, with units in their names. Unknown names are refused.

    The docstring of a field says what it is for, and the reason of its default: in English, and after an empty line in
    Chinese, whose lines are joined without a space.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    city_wide: ClassVar[frozenset[str]] = frozenset()
    """Parameters by which devices are compared, so they cannot differ between them."""


S = TypeVar("S")
"""State of a rule for one device: a dataclass that `rules.engine.snapshot` can write and read back."""
M = TypeVar("M")
"""Memory of a rule for the whole fleet: likewise."""


class Rule(ABC, Generic[S]):
    """Judges devices one by one. Pure: everything it knows of the past is in the state that it receives.

    The `at` of a verdict is never before the `at` of the rule's previous verdict for the same subject and part.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    """Grows when the same readings would be judged differently; the engine drops states of another version."""
    parameters: Parameters
    roles: ClassVar[frozenset[DeviceRole]]
    """Devices it judges."""
    state: type[S]
    ordered: ClassVar[bool] = True
    """Its state follows from the device's readings in order, so readings that come late are judged again in their
    place. False: it depends on when a reading is heard, and is asked `judge_late` instead."""
    asks_calendar: ClassVar[bool] = False
    """It asks what is valid at a time, or for the hour or day: sites, routes, permits, zones, hours. It does so by
    `Observation.calendar_ts`, and is not asked while the clock of the device may be far off."""
    spans_runs: ClassVar[bool] = False
    """True: its state and alerts go on when the device's clock steps back; those of other rules begin anew."""

    @property
    def judges_readings(self) -> bool:
        return type(self).judge is not Rule.judge

    @property
    def judges_silence(self) -> bool:
        return type(self).due is not Rule.due

    @property
    def judges_clocks(self) -> bool:
        return type(self).judge_clock is not Rule.judge_clock

    def judge(self, observation: Observation, state: S) -> Sequence[Verdict]:
        """Judge a reading that came in order. A rule without it judges no reading, but clocks or silence."""
        return ()

    def judge_late(self, observation: Observation, state: S) -> Sequence[Verdict]:
        """Judge a reading that came too late to be put in order; most rules ignore it."""
        return ()

    def judged_again(self, observation: Observation, state: S) -> Sequence[Verdict]:
        """Note that readings which came late were judged in their place; most rules ignore it. Asked of rules that are
        not `ordered`, with the newest reading and what the trackers know now.
        """
        return ()

    def judge_retained(self, observation: Observation, state: S) -> Sequence[Verdict]:
        """Judge a reading that the broker replayed with the retain bit: of any age, no sign of life; most ignore it."""
        return ()

    def judge_clock(self, found: ClockFound, state: S) -> Sequence[Verdict]:
        """Judge what is believed of the device's clock from now on; most rules ignore it."""
        return ()

    def note_alive(self, state: S, now: int) -> None:
        """Note that the device was heard at fleet time `now`, ms, by a reading that is judged later."""

    def refuse(self, state: S) -> None:
        """Note that a message of the device came of which no reading was accepted."""

    def missed_at(self, device: Device, since: int) -> int | None:
        """Device time, ms, at which a device that was never heard, awaited since `since`, is missed; None if never."""
        return None

    def await_first(self, device: Device, state: S, since: int, *, was_heard: bool) -> None:
        """Note since when (device time, ms) a device is awaited that was never heard, or not since the rule is on."""

    def time_was_set(self, state: S, now: int, by_ms: int) -> None:
        """Note that fleet time was set to `now`, ms, by `by_ms`, negative if back: wrong clocks had led it."""

    def due(self, state: S) -> int | None:
        """Device time, ms, at which silence would mean something; None when it never does."""
        return None

    def expire(self, silence: Silence, state: S) -> Sequence[Verdict]:
        """Judge that `due` has passed for the whole fleet while the device was not heard."""
        return ()


class FleetRule(Rule[S], Generic[S, M]):
    """Compares devices.

    Its verdicts wait until fleet time is `reorder_buffer.HOLD_MS` past them. They are then compared in one order over
    all devices, whatever order the readings arrived in. Of one that begins an incident people may be notified at once.
    """

    memory: type[M]

    def publishes_at_once(self, verdict: Verdict, memory: M) -> bool:
        """True if people are notified of a new incident before it is compared; `compare` may then retract it.

        `memory` may lack what other devices gave within the last minutes: the answer must not depend on that.
        """
        return False

    @abstractmethod
    def compare(self, verdict: Verdict, memory: M, city: City) -> Iterable[Verdict]:
        """Return the verdicts that replace this one, given what the rule remembers of other devices."""


class ExcusingRule(FleetRule[S, M], Generic[S, M]):
    """Excuses incidents of one device by what others did at that place and time: a closed road, a jam.

    Its memory holds what devices did in a day, not what came of it. Whether an incident is excused follows from all of
    it, in whatever order it became known: when the readings of one device come hours late, incidents of others are
    excused by them, or not excused any more.
    """

    @abstractmethod
    def note(self, verdict: Verdict, memory: M) -> Sequence[Any]:
        """Note what a device did; return the records of the memory that changed by it in a way that matters."""

    @abstractmethod
    def forget_since(self, subject: str, since: int, memory: M) -> Sequence[Any]:
        """Forget what a device did after this device time, ms: it is judged again. Return what changed by it."""

    @abstractmethod
    def end_run(self, subject: str, memory: M) -> None:
        """Keep what the device did so far as it is: its clock stepped, and what follows has other times."""

    @abstractmethod
    def settle(self, changed: Collection[Any], at: int, memory: M) -> Iterable[Verdict]:
        """EXCUSED or STANDS, dated `at` (device time, ms), for each incident of which these changes decide that."""

    @abstractmethod
    def excuses_of(self, subject: str, at: int, memory: M) -> Iterable[Verdict]:
        """EXCUSED or STANDS, dated likewise, for each incident of one device that is remembered."""

    @abstractmethod
    def is_excused(self, verdict: Verdict, memory: M) -> bool:
        """True if the incident of this verdict is excused."""

    def compare(self, verdict: Verdict, memory: M, city: City) -> Iterable[Verdict]:
        """The verdict, and for which incidents it decides whether they are excused."""
        changed = self.note(verdict, memory)
        decided = tuple(self.settle(changed, verdict.at, memory)) if changed else ()
        return (replace(verdict, excused=True) if self.is_excused(verdict, memory) else verdict, *decided)
