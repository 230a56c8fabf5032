"""Trucks on a scale: frames with their times enter, settled weighings of whole passes leave. Pure.

    empty ──at least minimum_kg──▶ loaded ──below empty_kg, three frames──▶ empty: one weighing, or why there is none

Indicators send ten frames a second and do not say when a truck has come. So the heaviest settled weight between two
empty platforms is the truck's: it stands with some of its axles before and after. A weight is settled when frames are
equal, in a row, for long enough, and none says that the scale moves. A pass that showed much more than ever settled has
no weight: what settled is that of some axles.

One truck makes the weight rise and then fall. Where it falls clearly and settles at another weight after it rose again,
a second truck drove up bumper to bumper. The first keeps its weight if that is beyond doubt; the second has none, since
a part of the first, or of a third, may stand there with it.

No truck leaves between two frames. Where a weight at rest jumps to zero, somebody pressed the tare key: many formats do
not say that what they show from then on is net. What is loaded meanwhile is no gross weight.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from devices.codecs.scale.frame import KG_PER, Frame, State
from devices.codecs.scale.settings import ScaleSettings
from devices.codecs.scale.weight import Cause, NoWeight, shown_kg, ticket_kg

_SURE_FRAMES: Final = 3
"""So many frames in a row show an empty platform, or a scale out of range: a single one may be a fault of the line."""
_ROCKING_SHARE: Final = Decimal("0.1")
"""A truck that brakes on the platform shows a few percent more than it weighs; the last axle to come is more."""
TRUCKS_CHANGE_MS: Final = 20_000
"""Trucks cannot change places in less: after a shorter gap in the frames the same one stands there."""
_KEY_MS: Final = 300
"""A truck takes longer to leave. Frames further apart than this do not show whether it left or a key was pressed."""
_TARED_MS: Final = 1_800_000
"""So long after the tare key, and nothing was loaded: the truck has left, and its display was held."""


class NoTicket(StrEnum):
    """Why a pass gave no weighing."""

    NEVER_SETTLED = "never_settled"
    """Nothing settled, or only much less than was shown: a truck that rolled over, and rested on some of its axles."""
    OUT_OF_RANGE = "out_of_range"
    NOT_ZEROED = "not_zeroed"
    """The empty platform did not show zero before the truck, or the indicator says that it was not zeroed."""
    NO_GROSS = "no_gross"
    """The indicator showed net weights without their tare, or weights without a unit."""
    AFTER_GAP = "after_gap"
    """Frames were missing, and what stood there afterwards was lighter: it may be a part of the truck before."""
    TARE_KEY = "tare_key"
    """The tare key was pressed under the truck, and its weight changed before the display was cleared."""
    NOT_ALONE = "not_alone"
    """Two trucks bumper to bumper: the weight fell and rose again, and the platform was not empty between."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The weight of the truck on the platform, so far. Kept on disk, so that a restart does not lose it."""

    kg: Decimal
    at: int
    """When it had settled, ms."""
    began_at: int
    """When the truck came, ms."""
    frames: tuple[bytes, ...]
    zero_kg: Decimal | None
    """What the empty platform showed before; None if it was not seen."""
    out_of_range: bool = False
    """The scale was out of its range meanwhile: this weight may be that of some axles."""
    not_alone: bool = False
    """It came before the truck in front had left: its weight gives no ticket."""
    rose: bool = False
    """A lighter weight had settled before it in this pass."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A truck was weighed, and has left."""

    settled: Settled
    ended_at: int
    """When the platform was empty, or when the weight fell before another truck's rose, ms."""


@dataclass(frozen=True, slots=True)
class Unweighed:
    """Something was on the platform, and no weight of it may stand on a ticket."""

    why: NoTicket
    began_at: int
    ended_at: int
    heaviest_kg: Decimal


Event = Settled | Weighed | Unweighed


class _Platform(StrEnum):
    EMPTY = "empty"
    LOADED = "loaded"


@dataclass(slots=True)
class _Pass:
    """What is on the platform."""

    began_at: int
    zero_kg: Decimal | None
    heaviest_kg: Decimal = Decimal(0)
    best: Settled | None = None
    why: NoTicket = NoTicket.NEVER_SETTLED
    """If it ends without a settled weight."""
    out_of_range: bool = False
    """The scale was out of its range."""
    may_be_part: bool = False
    """It began after a gap and may be a part of the truck before it."""
    surely_kg: Decimal = Decimal(0)
    """The heaviest weight that several frames in a row reached."""
    lowest_kg: Decimal | None = None
    """How low the weight surely fell since one settled last; None: it has not clearly fallen."""
    fell_at: int = 0
    """When it had clearly fallen, ms."""
    rose: bool = False
    """A weight had settled before the heaviest one: of some of its axles, or of it without those of the next truck."""
    not_alone: bool = False
    """It came before the truck in front had left."""
    tared_at: int | None = None
    """When the tare key was pressed, ms; None: the display shows gross weights."""
    loaded_under_tare: bool = False

    @property
    def clearly_below_kg(self) -> Decimal:
        """A weight below this has clearly fallen."""
        return (self.surely_kg if self.best is None else self.best.kg) * (1 - _ROCKING_SHARE)


class Passes:
    """The passes over one scale. Frames come in order of their times."""

    def __init__(self, settings: ScaleSettings, resumed: Settled | None = None) -> None:
        """`resumed`: of the truck that stood there when the gateway ended."""
        self._settings = settings
        self._gap_ms = settings.gap_s * 1000
        self._rest_ms = settings.rest_s * 1000
        self._minimum_kg, self._empty_kg = Decimal(str(settings.minimum_kg)), Decimal(str(settings.empty_kg))
        self._zero_within_kg = Decimal(str(settings.zero_kg))
        self._run: deque[bytes] = deque(maxlen=settings.equal_frames)
        self._run_kg: Decimal | None = None
        self._run_began_at = 0
        self._lately_kg: deque[Decimal] = deque(maxlen=_SURE_FRAMES)
        self._last_at: int | None = None
        self._empty_frames = 0
        self._over_frames = 0
        self._zero_kg: Decimal | None = None
        self._changed = False
        self._pass: _Pass | None = None
        self._shown_kg, self._shown_at = Decimal(0), 0
        if resumed is not None:
            self._pass = _Pass(resumed.began_at, resumed.zero_kg, resumed.kg, resumed)
            self._pass.out_of_range, self._pass.not_alone = resumed.out_of_range, resumed.not_alone
            self._pass.rose = resumed.rose
            self._zero_kg, self._last_at = resumed.zero_kg, resumed.at

    @property
    def is_occupied(self) -> bool:
        """Something is on the platform."""
        return self._pass is not None

    def take(self, frame: Frame, at: int) -> list[Event]:
        """Return what a frame that came at `at` (ms) changes."""
        self._notice_gap(at)
        try:
            kg = shown_kg(frame, self._settings)
        except NoWeight as exc:
            return list(self._without_weight(frame, exc.cause, at))
        self._over_frames = 0
        if frame.net is None:
            self._notice_tare_key(kg, at)
        self._notice_rest(frame, kg, at)
        self._shown_kg, self._shown_at = kg, at
        return list(self._moved(kg, at))

    def _notice_gap(self, at: int) -> None:
        """Frames after a gap, or after the clock was set back, are not in a row with those before."""
        since_ms = 0 if self._last_at is None else at - self._last_at
        self._last_at = at
        if not 0 <= since_ms <= self._gap_ms:
            self._end_run()
            self._empty_frames = 0
        if since_ms >= TRUCKS_CHANGE_MS and self._pass is not None:
            self._changed = True

    def _notice_tare_key(self, kg: Decimal, at: int) -> None:
        """Notice a weight at rest that jumps to zero, and back."""
        stood_kg = self._settled_kg(self._shown_at)
        if self._pass is None or stood_kg is None or not 0 <= at - self._shown_at <= _KEY_MS:
            return
        best = self._pass.best
        if stood_kg >= self._minimum_kg and abs(kg) <= self._zero_within_kg:
            self._pass.tared_at = at
        elif best is not None and abs(kg - best.kg) <= self._zero_within_kg and not self._pass.loaded_under_tare:
            self._pass.tared_at = None  # its gross weight is shown again

    def _tare_is_over(self, present: _Pass, settled_kg: Decimal | None, at: int) -> bool:
        """Whether a display about or below zero is that of an empty platform."""
        if present.tared_at is None or at - present.tared_at >= _TARED_MS:
            return True
        if len(self._lately_kg) == _SURE_FRAMES and max(self._lately_kg) <= -self._minimum_kg:
            return True  # less than the truck that was tared
        return present.loaded_under_tare and settled_kg is not None and abs(settled_kg) <= self._zero_within_kg

    def _without_weight(self, frame: Frame, cause: Cause, at: int) -> Iterator[Event]:
        """A frame whose gross weight nobody knows. It may still show that something came, or left."""
        if cause is Cause.NOT_GROSS:
            return  # an answer to another question
        self._end_run()
        if cause is Cause.OUT_OF_RANGE:
            self._empty_frames = 0
            if frame.state is State.UNDERLOAD:
                self._zero_kg = Decimal("-Infinity")
                return
            self._over_frames += 1
            if self._over_frames >= _SURE_FRAMES:
                yield from self._out_of_range(self._present(at))
        elif frame.weight is not None and frame.unit is not None:
            yield from self._moved(frame.weight * KG_PER[frame.unit], at)
            if self._pass is not None:
                self._pass.why = NoTicket.NO_GROSS

    def _out_of_range(self, present: _Pass) -> Iterator[Event]:
        if not present.out_of_range:
            present.out_of_range = True
            if present.best is not None:
                present.best = replace(present.best, out_of_range=True)
                yield present.best

    def _notice_rest(self, frame: Frame, kg: Decimal, at: int) -> None:
        """Count equal frames in a row; a frame that may not stand on a ticket ends them."""
        try:
            ticket_kg(frame, self._settings)
        except NoWeight as exc:
            if exc.cause is not Cause.MINUS:  # an empty platform may rest below zero
                if exc.cause is Cause.NOT_ZEROED and self._pass is not None:
                    self._pass.why = NoTicket.NOT_ZEROED
                self._end_run()
                return
        if kg != self._run_kg:
            self._end_run()
            self._run_kg, self._run_began_at = kg, at
        self._run.append(frame.raw)

    def _end_run(self) -> None:
        self._run.clear()
        self._run_kg = None

    def _settled_kg(self, at: int) -> Decimal | None:
        is_settled = len(self._run) >= self._settings.equal_frames and at - self._run_began_at >= self._rest_ms
        return self._run_kg if is_settled else None

    def _moved(self, kg: Decimal, at: int) -> Iterator[Event]:
        settled_kg = self._settled_kg(at)
        self._lately_kg.append(kg)
        if kg < self._empty_kg:
            if self._pass is not None and not self._tare_is_over(self._pass, settled_kg, at):
                return
            self._empty_frames += 1
            if self._empty_frames >= _SURE_FRAMES and self._pass is not None:
                yield self._ended(self._pass, at)
                self._pass = None
            if settled_kg is not None or self._is_about_zero():
                self._zero_kg = kg
            return
        self._empty_frames = 0
        if self._pass is not None and self._pass.tared_at is not None:
            is_sure = len(self._lately_kg) == _SURE_FRAMES and min(self._lately_kg) >= self._empty_kg
            self._pass.loaded_under_tare |= is_sure
            return
        if kg >= self._minimum_kg:
            present = self._present(at)
            present.heaviest_kg = max(present.heaviest_kg, kg)
        if self._pass is not None and len(self._lately_kg) == _SURE_FRAMES and not self._changed:
            self._notice_fall(self._pass, at)
        if kg >= self._minimum_kg and settled_kg is not None:
            yield from self._settled(self._present(at), settled_kg, at)

    def _notice_fall(self, present: _Pass, at: int) -> None:
        """Keep how high the weight surely rose, and how low it surely fell afterwards."""
        present.surely_kg = max(present.surely_kg, min(self._lately_kg))
        low_kg = max(self._lately_kg)
        if low_kg < present.clearly_below_kg:
            if present.lowest_kg is None:
                present.fell_at = at
            present.lowest_kg = low_kg if present.lowest_kg is None else min(present.lowest_kg, low_kg)

    def _is_about_zero(self) -> bool:
        """Wind keeps an empty platform from settling."""
        return len(self._lately_kg) == _SURE_FRAMES and all(abs(kg) <= self._zero_within_kg for kg in self._lately_kg)

    def _present(self, at: int) -> _Pass:
        """What is on the platform; something has come if it was empty."""
        if self._pass is None:
            self._pass = _Pass(at, self._zero_kg)
            self._changed = False
        return self._pass

    def _settled(self, present: _Pass, kg: Decimal, at: int) -> Iterator[Event]:
        best, changed = present.best, self._changed
        self._changed = False
        if best is not None and changed and abs(kg - best.kg) > self._zero_within_kg:
            yield self._ended(present, at)
            present = self._pass = _Pass(at, None, kg, may_be_part=kg < best.kg)
            best = None
        elif not changed and self._is_of_another(present, kg):
            yield self._followed(present, kg)
            present = self._pass = _Pass(present.fell_at, None, kg, not_alone=True)
            best = None
        if best is None or kg >= best.kg - self._zero_within_kg:  # not the weight of some axles
            present.lowest_kg = None
        if best is None or kg > best.kg:
            frames = tuple(self._run)
            present.rose = best is not None and kg - best.kg > self._zero_within_kg
            present.best = Settled(
                kg, at, present.began_at, frames, present.zero_kg, present.out_of_range, present.not_alone, present.rose
            )
            if not present.may_be_part:
                yield present.best

    def _is_of_another(self, present: _Pass, kg: Decimal) -> bool:
        """Whether a settled weight is that of a truck that drove up while the one before it drove off.

        The truck that was weighed may roll back a little, and settle at its weight again.
        """
        if present.lowest_kg is None or present.lowest_kg >= kg * (1 - _ROCKING_SHARE):
            return False
        if present.best is not None:
            return abs(kg - present.best.kg) > self._zero_within_kg
        return abs(kg - present.surely_kg) > present.surely_kg * _ROCKING_SHARE

    def _followed(self, present: _Pass, next_kg: Decimal) -> Weighed | Unweighed:
        """The end of a pass after which another truck already stands there.

        A weight that is less than the next may be that of some of its axles; one that settled in steps may hold the
        first axles of the next truck.
        """
        best = present.best
        if best is not None and (next_kg > best.kg or present.rose):
            present.not_alone = True
        return self._ended(present, present.fell_at)

    def _ended(self, ended: _Pass, at: int) -> Weighed | Unweighed:
        why: NoTicket | None = None
        if ended.out_of_range:
            why = NoTicket.OUT_OF_RANGE
        elif ended.loaded_under_tare:
            why = NoTicket.TARE_KEY
        elif ended.not_alone:
            why = NoTicket.NOT_ALONE
        elif ended.best is None:
            why = ended.why
        elif ended.surely_kg > ended.best.kg * (1 + _ROCKING_SHARE):
            why = NoTicket.NEVER_SETTLED
        elif ended.zero_kg is not None and abs(ended.zero_kg) > self._zero_within_kg:
            why = NoTicket.NOT_ZEROED
        elif ended.may_be_part:
            why = NoTicket.AFTER_GAP
        if why is not None or ended.best is None:
            return Unweighed(why or ended.why, ended.began_at, at, ended.heaviest_kg)
        return Weighed(ended.best, at)
