"""What people do with the manifests of a night: hauliers, sources and gates."""

from dataclasses import dataclass

from devices.readings.ids import MANIFESTS
from devices.readings.manifests import ManifestDeed, ManifestTerms
from devices.readings.models import ManifestAction


@dataclass(frozen=True, slots=True)
class Plan:
    """What a haulier writes on a manifest. Times are device time, ms."""

    vehicle_id: str
    device_id: str
    source_id: str
    destination_id: str
    stream: str
    declared_kg: float
    estimated: bool
    depart_at: int
    arrive_by: int

    def terms(self) -> ManifestTerms:
        return ManifestTerms(
            source=self.source_id,
            destination=self.destination_id,
            depart_at=self.depart_at,
            arrive_by=self.arrive_by,
            declared_kg=self.declared_kg,
            estimated=self.estimated,
        )


@dataclass(frozen=True, slots=True)
class Paper:
    """One deed of a person."""

    at: int
    """Device time, ms."""
    number: str
    deed: ManifestDeed
    actor: str
    plan: Plan | None = None
    """With the issue."""
    destination_id: str | None = None
    reason: str = ""

    def action(self, no: int, device_id: str) -> ManifestAction:
        """The record of it, numbered by who keeps manifests; `device_id`: of the truck's terminal."""
        return ManifestAction(
            device_id=MANIFESTS,
            ts=self.at,
            at=self.at,
            truck=device_id,
            number=self.number,
            no=no,
            deed=self.deed,
            actor=self.actor,
            reason=self.reason,
            terms=None if self.plan is None else self.plan.terms(),
            destination=self.destination_id,
        )
