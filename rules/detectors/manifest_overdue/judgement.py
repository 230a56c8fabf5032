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
from rules.alerts.model import Evidence, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import ref, who, whole_seconds
from rules.detectors.manifest_overdue import wording
from rules.detectors.manifest_overdue.awaited import Plan, plan_of
from rules.detectors.manifest_overdue.parameters import ManifestOverdueParameters
from rules.manifests.model import Manifest

_SEVERITY: Final = Severity.P3
_PARTS: Final = 16
"""Manifests of a truck that can be overdue at once; two of one part are one alert."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class OverdueState:
    """State of one truck."""

    overdue: dict[str, int] = field(default_factory=dict)
    """By manifest: device time, ms, from which it is overdue."""


class ManifestOverdue(Rule[OverdueState]):
    """CONFIRMED once what is awaited of a load has not happened in time, CLEAR when it has, or its manifest changed."""

    name: ClassVar = "manifest_overdue"
    version: ClassVar = 2
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = OverdueState

    def __init__(self, parameters: ManifestOverdueParameters | None = None) -> None:
        self.parameters: ManifestOverdueParameters = parameters or ManifestOverdueParameters()

    def judge(self, observation: Observation, state: OverdueState) -> Sequence[Verdict]:
        """Compare the time of any reading about the truck with the plans of its manifests."""
        book = observation.manifests
        if book is None or not (book.open or state.overdue):
            return ()
        return tuple(self._verdicts(observation, book.manifests, list(book.open), state))

    def _verdicts(
        self, observation: Observation, manifests: dict[str, Manifest], numbers: Sequence[str], state: OverdueState
    ) -> Iterator[Verdict]:
        now = observation.calendar_ts
        for number in list(state.overdue):
            manifest = manifests.get(number)
            if manifest is None or self._overdue(manifest, now) is None:
                yield self._over(observation, number, manifest, state.overdue.pop(number))
        for number in numbers:
            manifest = manifests[number]
            plan = self._overdue(manifest, now)
            if plan is None:
                continue
            if number in state.overdue:
                onset = state.overdue[number]
                yield Verdict(
                    observation.device.id, Level.CONFIRMED, observation.ts, onset, _SEVERITY, part=_part(number)
                )
                continue
            onset = self._overdue_at(plan) + observation.ts - now
            state.overdue[number] = onset
            yield self._begun(observation, manifest, plan, onset)

    def _overdue_at(self, plan: Plan) -> int:
        return self.parameters.overdue_at(plan.begins_at, plan.ends_at)

    def _overdue(self, manifest: Manifest, now: int) -> Plan | None:
        """What should have happened by now; None if nothing."""
        plan = plan_of(manifest)
        return plan if plan is not None and now >= self._overdue_at(plan) else None

    def _begun(self, observation: Observation, manifest: Manifest, plan: Plan, onset: int) -> Verdict:
        terms, city, track = manifest.terms, observation.city, observation.track
        site = city.sites.get(terms.destination)
        name = Text(en=terms.destination, zh=terms.destination) if site is None else Text(en=site.name, zh=site.name_zh)
        now, planned_ms = observation.calendar_ts, max(plan.ends_at - plan.begins_at, 0)
        at = None if track is None else track.motion.held
        position = observation.position
        return Verdict(
            observation.device.id,
            Level.CONFIRMED,
            observation.ts,
            onset,
            severity=_SEVERITY,
            place=None if at is None else city.plane.latlon(at),
            title=wording.title(
                plan.awaited, who(observation.device, city, observation.calendar_ts), manifest.number, name
            ),
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
            part=_part(manifest.number),
        )

    def _over(self, observation: Observation, number: str, manifest: Manifest | None, onset: int) -> Verdict:
        evidence = Evidence(
            parameters=self.parameters.model_dump(),
            findings=(wording.ended(manifest),),
            measures={"manifest": number},
        )
        return Verdict(
            observation.device.id, Level.CLEAR, observation.ts, onset, evidence=evidence, part=_part(number), over=True
        )


def _part(number: str) -> str:
    """A verdict's part: a truck has no more parts than these."""
    return str(crc32(number.encode()) % _PARTS)
