"""Trips with manifests in the town of stories: from the source at 0 m to the tip at 10 km."""

from typing import Any

from devices.readings.ids import MANIFESTS
from devices.readings.manifests import ManifestDeed, ManifestTerms
from devices.readings.models import ManifestAction, Reading, Weighing
from rules.engine.engine import RuleEngine
from rules.manifests.model import Manifest
from tests.rules.town import T0, Trip, ticket

LOAD_KG = 12_000.0


def terms(depart_s: float = 0, arrive_s: float = 1_800, **changed: Any) -> ManifestTerms:
    """Times are seconds since `T0`."""
    found: dict[str, Any] = {
        "source": "source",
        "destination": "tip",
        "depart_at": T0 + round(depart_s * 1000),
        "arrive_by": T0 + round(arrive_s * 1000),
        "declared_kg": LOAD_KG,
    }
    return ManifestTerms(**found | changed)


def action(deed: str, at_s: float, no: int, *, truck: str = "T1", number: str = "M1", **fields: Any) -> ManifestAction:
    at = T0 + round(at_s * 1000)
    return ManifestAction(
        device_id=MANIFESTS, ts=at, at=at, truck=truck, number=number, no=no, deed=ManifestDeed(deed), actor="li",
        **fields,
    )  # fmt: skip


def honest_trip(truck: str = "T1", *, at_s: float = 0, net_kg: float = LOAD_KG, first_no: int = 1) -> list[Reading]:
    """Issued and confirmed while it loads; weighed at the tip; back on the road. In order of time."""
    trip = Trip(truck, 0, 0, at_s=at_s, load="loaded").stand(120)
    confirmed_s = trip.now_s
    trip.stand(60).drive(9_990, 0).stand(120)
    weighed_s = trip.now_s
    trip.now(load="empty").stand(120).drive(5_000, 0)
    number = f"M{truck}{first_no}"
    papers: list[Reading] = [
        action("issue", at_s + 20, first_no, truck=truck, number=number, terms=terms(at_s, at_s + 1_800)),
        action("confirm_source", confirmed_s, first_no + 1, truck=truck, number=number),
    ]
    weighed = weighed_at_tip(truck, weighed_s, net_kg, ticket_number=f"{truck}{first_no}")
    return sorted([*trip.readings, *papers, weighed], key=lambda reading: reading.ts)


def weighed_at_tip(truck: str, at_s: float, net_kg: float, ticket_number: str = "1", **extra: Any) -> Weighing:
    return ticket(truck, at_s, net_kg=net_kg, direction="out", ticket=ticket_number, **extra)


def manifests_of(engine: RuleEngine) -> dict[str, Manifest]:
    return {one.manifest.number: one.manifest for one in engine.manifests()}


def path_of(manifest: Manifest) -> list[str]:
    """The states that it went through."""
    return [str(one.after) for one in manifest.transitions]
