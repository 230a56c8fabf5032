"""Judges whether a load has arrived by the time that its manifest plans, and some grace.

Likewise whether it was weighed where it arrived, a rejected one came back, and its source confirmed what left there.

The clock itself is a reading: where the truck is silent, a record of the platform (`devices.readings.manifests`, deed
`check`) comes at the time at which its manifests are overdue.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final
from zlib import crc32

from devices.city.model import DeviceRole
from devices.readings.models import Weighing
from rules.alerts.model import Evidence, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import ref, who, whole_seconds
from rules.detectors.manifest_overdue import wording
from rules.detectors.manifest_overdue.awaited import Plan, plan_of
from rules.detectors.manifest_overdue.parameters import ManifestOverdueParameters
from rules.manifests.model import Manifest

_TICKET: Final = Weighing  # as in `rules.contract.observation`
_SEVERITY: Final = Severity.P3
_PARTS: Final = 16
"""Parts by number; where one is taken, the next manifest gets the first free one beyond them."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class OverdueState:
    """State of one truck."""

    overdue: dict[str, int] = field(default_factory=dict)
    """By manifest: device time, ms, from which it is overdue."""
    parts: dict[str, int] = field(default_factory=dict)
    """By manifest: the part of its alert, where another overdue manifest has that of its number."""
    off_ms: int = 0
    """Device time of the truck less the true time, but for tickets: these stand among the readings of the truck."""


class ManifestOverdue(Rule[OverdueState]):
    """CONFIRMED once what is awaited of a load has not happened in time, CLEAR when it has, or its manifest changed.

    An alert may stand for days, until a person settles the manifest: people hear of it again where something else is
    awaited.
    """

    name: ClassVar = "manifest_overdue"
    version: ClassVar = 4
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = OverdueState

    def __init__(self, parameters: ManifestOverdueParameters | None = None) -> None:
        self.parameters: ManifestOverdueParameters = parameters or ManifestOverdueParameters()

    def judge(self, observation: Observation, state: OverdueState) -> Sequence[Verdict]:
        """Compare the time of any reading about the truck with the plans of its manifests.

        That time is the truck's, also for a ticket: what is known of the clock of a bridge may change after the ticket
        was put in its place.
        """
        if type(observation.reading) is not _TICKET:
            state.off_ms = observation.ts - observation.calendar_ts
        book = observation.manifests
        if book is None or not (book.open or state.overdue):
            return ()
        return tuple(self._verdicts(observation, book.manifests, list(book.open), state))

    def _verdicts(
        self, observation: Observation, manifests: dict[str, Manifest], numbers: Sequence[str], state: OverdueState
    ) -> Iterator[Verdict]:
        now = observation.ts - state.off_ms
        for number in list(state.overdue):
            manifest = manifests.get(number)
            if manifest is None or self._overdue(manifest, now) is None:
                yield self._over(observation, number, manifest, state)
        for number in numbers:
            manifest = manifests[number]
            plan = self._overdue(manifest, now)
            if plan is None:
                continue
            if number not in state.overdue:
                _take_part(number, state)
                state.overdue[number] = self._overdue_at(plan) + observation.ts - now
            yield self._found(observation, manifest, plan, state)

    def _overdue_at(self, plan: Plan) -> int:
        return self.parameters.overdue_at(plan.begins_at, plan.ends_at)

    def _overdue(self, manifest: Manifest, now: int) -> Plan | None:
        """What should have happened by now; None if nothing."""
        plan = plan_of(manifest)
        return plan if plan is not None and now >= self._overdue_at(plan) else None

    def _found(self, observation: Observation, manifest: Manifest, plan: Plan, state: OverdueState) -> Verdict:
        terms, city, track = manifest.terms, observation.city, observation.track
        site = city.sites.get(terms.destination)
        name = Text(en=terms.destination, zh=terms.destination) if site is None else Text(en=site.name, zh=site.name_zh)
        now, planned_ms = observation.ts - state.off_ms, max(plan.ends_at - plan.begins_at, 0)
        at = None if track is None else track.motion.held
        position = observation.position
        return Verdict(
            observation.device.id,
            Level.CONFIRMED,
            observation.ts,
            state.overdue[manifest.number],
            severity=_SEVERITY,
            place=None if at is None else city.plane.latlon(at),
            title=wording.title(plan.awaited, who(observation.device, city, now), manifest.number, name),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=(
                    wording.late(now - plan.ends_at, planned_ms),
                    wording.left(now - manifest.left_at if manifest.left_at else None),
                ),
                ruled_out=(wording.RULED_OUT[plan.awaited],),
                readings=() if position is None else (ref(position, "lat", "lon", "speed_kmh", "load", "load_kg"),),
                measures={
                    "manifest": manifest.number,
                    "late_s": whole_seconds(now - plan.ends_at),
                    "planned_s": whole_seconds(planned_ms),
                    **({"left_s": whole_seconds(now - manifest.left_at)} if manifest.left_at else {}),
                },
            ),
            part=_part(manifest.number, state),
            basis=str(plan.awaited),
            notified_once=True,
        )

    def _over(self, observation: Observation, number: str, manifest: Manifest | None, state: OverdueState) -> Verdict:
        evidence = Evidence(
            parameters=self.parameters.model_dump(),
            findings=(wording.ended(manifest),),
            measures={"manifest": number},
        )
        part, onset = _part(number, state), state.overdue.pop(number)
        state.parts.pop(number, None)
        return Verdict(
            observation.device.id, Level.CLEAR, observation.ts, onset, evidence=evidence, part=part, over=True
        )


def _take_part(number: str, state: OverdueState) -> None:
    """Find a part that no other overdue manifest of the truck has: the one of its number, if that is free."""
    taken = {_part(other, state) for other in state.overdue}
    if _part(number, state) in taken:
        state.parts[number] = next(n for n in range(_PARTS, _PARTS + len(taken) + 1) if str(n) not in taken)


def _part(number: str, state: OverdueState) -> str:
    """A verdict's part: a truck has few of them, as each is remembered."""
    return str(state.parts.get(number, crc32(number.encode()) % _PARTS))
