"""No sequence of events brings a manifest into an illegal state, loses a transition, or closes it twice.

The oracle is a table of what people may do, and a truck's way told in plain steps; both are written out by hand and
share no code with the machine.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.manifests.machine import Event, Refused, issue, refused, step
from rules.manifests.model import Manifest, Trigger
from tests.examples import examples
from tests.rules.manifests.trips import LOAD_KG, terms
from tests.rules.town import T0

WAY = {"in_transit", "overdue", "arrived"}
"""The load is on its way, or at the gate."""
MAY = {
    "confirm_source": {"draft"},
    "reject": WAY,
    "reroute": WAY | {"rejected"},
    "confirm_disposal": WAY,
    "settle": {"discrepancy", "disposal_confirmed"},
    "begin_correction": {
        "draft", "source_confirmed", "in_transit", "arrived", "disposal_confirmed", "closed", "rejected",
        "discrepancy", "overdue",
    },
    "correct": {"under_correction"},
    "void": {
        "draft", "source_confirmed", "in_transit", "arrived", "disposal_confirmed", "rejected", "discrepancy",
        "overdue", "under_correction",
    },
}  # fmt: skip
"""In which states each deed is allowed."""
DEEDS = sorted(MAY)
SEEN = ["left_source", "entered_destination", "weighed", "weighed_short", "left_destination", "returned"]


@dataclass
class Told:
    """What a manifest has to be, as somebody would tell it."""

    stage: str = "draft"
    correcting: bool = False
    left: bool = False
    arrived: bool = False
    net_kg: float | None = None
    gone: bool = False
    scanned: int = 0
    """Minute in which a person confirmed it before the truck was there; 0: not so."""
    seen: int = 0
    """Minute in which the truck was there after that."""
    delivered: bool = False
    history: list[tuple[str, str]] = field(default_factory=lambda: [("", "draft")])

    @property
    def state(self) -> str:
        return "under_correction" if self.correcting else self.stage

    @property
    def short(self) -> bool:
        return self.net_kg is not None and self.net_kg < LOAD_KG - 800

    @property
    def drove_through(self) -> bool:
        return self.gone and self.net_kg is None

    @property
    def off(self) -> bool:
        """A person has to look at it: its weight, or who confirmed it more than 5 min before it came."""
        too_early = self.scanned and (not self.seen or self.seen - self.scanned > 5)
        return self.short or bool(too_early)

    def goes(self, stage: str) -> None:
        self.history.append((self.stage, stage))
        self.stage = stage

    def drives_on(self) -> None:
        if self.stage == "source_confirmed" and (self.left or self.arrived):
            self.goes("in_transit")
        if self.arrived and (self.stage == "in_transit" or (self.stage == "overdue" and not self.drove_through)):
            self.goes("arrived")
        if self.stage == "arrived" and self.net_kg is not None:
            self.goes("disposal_confirmed")
        if self.stage == "disposal_confirmed" and self.gone:
            self.goes("discrepancy" if self.off else "closed")
            self.delivered = not self.off

    def compares(self) -> None:
        if self.stage == "closed" and self.delivered and self.short:
            self.goes("discrepancy")
            self.delivered = False
        elif self.stage == "discrepancy" and not self.off:
            self.goes("closed")
            self.delivered = True

    def sees(self, what: str, minute: int) -> None:
        is_there = what == "entered_destination" or what.startswith("weighed")
        if is_there and self.scanned and not self.seen and self.stage != "void":
            self.seen = minute
        if what == "left_source" and self.stage != "void":
            self.left = True
        if what == "entered_destination" and self.stage not in {"rejected", "void"}:
            self.arrived = True
            self.gone &= not self.drove_through
        if what.startswith("weighed") and self.stage not in {"rejected", "void"}:
            before, self.net_kg = self.net_kg, LOAD_KG if what == "weighed" else LOAD_KG / 2
            self.arrived = True
            self.drives_on()
            if before != self.net_kg:
                self.compares()
            return
        if what == "left_destination" and self.arrived:
            self.gone = True
        if what == "returned" and self.stage in {"draft", "source_confirmed"} and self.net_kg is None:
            self.left = self.arrived = self.gone = False
        if what == "returned" and self.stage == "rejected":
            self.goes("closed")
        self.drives_on()

    def does(self, deed: str, minute: int) -> None:  # noqa: C901 - one for each deed
        if deed == "check":
            if self.stage in {"source_confirmed", "in_transit"} or (self.stage == "arrived" and self.drove_through):
                self.goes("overdue")
            elif self.stage == "disposal_confirmed" and self.scanned and not self.seen:
                self.goes("discrepancy")
            return
        if deed == "begin_correction":
            self.history.append((self.stage, "under_correction"))
            self.correcting = True
        elif deed == "correct":
            self.correcting = False
            self.history.append(("under_correction", self.stage))
            self.compares()
        elif deed == "void":
            self.history.append((self.state, "void"))
            self.stage, self.correcting = "void", False
        elif deed == "confirm_source":
            self.goes("source_confirmed")
        elif deed == "reject":
            self.goes("rejected")
        elif deed == "settle":
            self.goes("closed")
            self.delivered = True
        elif deed == "confirm_disposal":
            if self.stage != "arrived":
                self.goes("arrived")
            self.scanned, self.seen = 0 if self.arrived else minute, 0
            self.arrived, self.net_kg = True, LOAD_KG
            self.goes("disposal_confirmed")
        elif deed == "reroute":
            self.arrived, self.net_kg, self.gone = False, None, False
            self.scanned = self.seen = 0
            self.goes("in_transit")
        self.drives_on()


def event(name: str, n: int) -> Event:
    """Event number `n` of a story; checks come after the planned time."""
    at = T0 + n * 60_000 + (10_000_000 if name == "check" else 0)
    trigger = Trigger("weighed" if name == "weighed_short" else name)
    if name in {*DEEDS, "check"}:
        return Event(trigger, at, "li", no=n, destination=f"tip{n}")
    if name == "unweigh":
        return Event(trigger, at, "li", no=n, ticket="1")
    net_kg = {"weighed": LOAD_KG, "weighed_short": LOAD_KG / 2}.get(name)
    return Event(trigger, at, net_kg=net_kg, ticket="1" if net_kg else "")


def drafted() -> Manifest:
    return issue("M1", Event(Trigger.ISSUE, T0, "li", no=1, terms=terms(0, 1)))


_EVENTS = st.lists(st.sampled_from([*DEEDS, *SEEN, "check"]), max_size=45)
_NAMED = st.lists(st.sampled_from([*DEEDS, *SEEN, "check", "unweigh"]), max_size=45)
"""Also what the table does not tell: a person takes back whose weighing it was."""
_HONEST = st.just(["confirm_source", "left_source", "entered_destination", "weighed", "left_destination"])
_MIXED = st.one_of(_EVENTS, st.tuples(_HONEST, _EVENTS).map(lambda parts: [*parts[0], *parts[1]]))


@settings(max_examples=examples(300, exploring=5_000))
@given(names=_MIXED)
def test_any_sequence_of_events_leads_where_the_table_says(names: list[str]) -> None:
    manifest, told = drafted(), Told()
    for n, name in enumerate(names, 2):
        may = name not in MAY or told.state in MAY[name]
        if may:
            told.does(name, n) if name in {*DEEDS, "check"} else told.sees(name, n)
        if may:
            manifest = step(manifest, event(name, n))
        else:
            with pytest.raises(Refused, match=f"^it is {told.state}: ") as why:
                step(manifest, event(name, n))
            manifest = refused(manifest, event(name, n), str(why.value))
        assert manifest.state == told.state
        assert [(one.before, one.after) for one in manifest.transitions] == told.history
    assert len(manifest.refusals) == min(12, sum(_was_refused(names)))


def _was_refused(names: list[str]) -> list[bool]:
    told, found = Told(), []
    for n, name in enumerate(names, 2):
        may = name not in MAY or told.state in MAY[name]
        found.append(not may)
        if may:
            told.does(name, n) if name in {*DEEDS, "check"} else told.sees(name, n)
    return found


@settings(max_examples=examples(200, exploring=5_000))
@given(names=st.one_of(_MIXED, _NAMED))
def test_nothing_closes_twice_and_each_transition_follows_the_one_before(names: list[str]) -> None:
    manifest = drafted()
    for n, name in enumerate(names, 2):
        try:
            manifest = step(manifest, event(name, n))
        except Refused as exc:
            manifest = refused(manifest, event(name, n), str(exc))
    stage, correcting = "", False
    for one in manifest.transitions:
        assert one.before in ({stage, "under_correction"} if correcting else {stage})
        assert one.before != one.after  # so that nothing closes that is closed
        if one.after == "under_correction":
            correcting = True
            continue
        correcting, stage = correcting and one.before != "under_correction", one.after
    assert stage == manifest.stage
    voided = [n for n, one in enumerate(manifest.transitions) if one.after == "void"]
    assert voided in ([], [len(manifest.transitions) - 1])


@settings(max_examples=examples(100, exploring=2_000))
@given(names=_NAMED, again=st.lists(st.integers(0, 99), min_size=45, max_size=45))
def test_an_action_that_is_recorded_twice_counts_once(names: list[str], again: list[int]) -> None:
    once = twice = drafted()
    past: list[Event] = []
    for n, (name, which) in enumerate(zip(names, again, strict=False), 2):
        one = event(name, n)
        once, twice = _taken(once, one), _taken(twice, one)
        past += [one] if one.no else []
        if past and which % 2:
            twice = _taken(twice, past[which % len(past)])
    assert once == twice


def _taken(manifest: Manifest, one: Event) -> Manifest:
    try:
        return step(manifest, one)
    except Refused as exc:
        return refused(manifest, one, str(exc))


def test_who_corrects_for_ever_is_stopped() -> None:
    manifest = drafted()
    for n in range(2, 200):
        manifest = _taken(manifest, event("begin_correction" if n % 2 == 0 else "correct", n))
    assert len(manifest.transitions) == 60
    assert "changed too often" in manifest.refusals[-1].why


def test_however_often_it_was_changed_it_can_be_void_and_a_bridge_cannot_move_it_for_ever() -> None:
    manifest = drafted()
    for n in range(2, 100):
        manifest = _taken(manifest, event("begin_correction" if n % 2 == 0 else "correct", n))
    assert step(manifest, event("void", 200)).state == "void"
    manifest = drafted()
    for n, name in enumerate(["confirm_source", "left_source", "entered_destination", "left_destination"], 2):
        manifest = step(manifest, event(name, n))
    for n in range(10, 200):
        manifest = step(manifest, event("weighed" if n % 2 else "weighed_short", n))
    assert len(manifest.transitions) == 72
