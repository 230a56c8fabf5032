"""What routes of manifests answer, their examples, and the errors of the store as problems."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import Path

from api.http.problems import ProblemKind, RequestRefused, invalid, not_found
from rules.manifests.document import (
    CODE_PATTERN,
    NUMBER_PATTERN,
    ManifestRefused,
    OutdatedManifest,
    UnknownManifest,
    WrongState,
)

NumberPath = Annotated[
    str,
    Path(
        alias="manifest_number",
        pattern=NUMBER_PATTERN,
        description="Number of the manifest",
        examples=["20260301-000123"],
    ),
]
CodePath = Annotated[
    str, Path(pattern=CODE_PATTERN, description="Code of its short link", examples=["q3f8Zr0aX1bYk2Lm"])
]

DOCUMENT_EXAMPLE: Final[dict[str, Any]] = {
    "vehicle_id": "veh-001",
    "source_id": "site-01",
    "destination_id": "spoil-01",
    "stream": "spoil",
    "quantity": {"tonnes": 14.5, "volume_m3": None, "density_t_per_m3": None, "estimated": True},
    "depart_at": 1_772_353_200_000,
    "arrive_by": 1_772_356_800_000,
    "source_address": None,
    "haulier": "Jincheng Haulage",
    "driver": "Wang Jun",
    "route_id": "route-01",
    "route_version": 1,
    "disposal_method": "landfill",
    "permits": ["permit-001"],
}
MANIFEST_EXAMPLE: Final[dict[str, Any]] = {
    "number": "20260301-000123",
    "code": "q3f8Zr0aX1bYk2Lm",
    "version": 2,
    "state": "in_transit",
    "under_correction": None,
    "leg": 1,
    "corrections": 0,
    "document": DOCUMENT_EXAMPLE,
    "device_id": "truck-001",
    "issued_at": 1_772_353_100_000,
    "issued_by": "li.wei",
    "sent_kg": 14_500.0,
    "net_kg": None,
    "left_at": 1_772_353_500_000,
    "arrived_at": None,
    "weighed_at": None,
    "overdue_at": None,
    "closed_at": None,
    "outcome": None,
    "pending": 0,
}
DETAIL_EXAMPLE: Final[dict[str, Any]] = {
    "manifest": MANIFEST_EXAMPLE,
    "transitions": [
        {
            "at": 1_772_353_100_000,
            "trigger": "issue",
            "before": "",
            "after": "draft",
            "actor": "li.wei",
            "evidence": "action 1",
            "reason": "",
            "withdrawn_at": None,
        },
        {
            "at": 1_772_353_500_000,
            "trigger": "left_source",
            "before": "source_confirmed",
            "after": "in_transit",
            "actor": "",
            "evidence": "position 1772353500000",
            "reason": "",
            "withdrawn_at": None,
        },
    ],
    "refusals": [],
}


@contextmanager
def refusals(number: str = "") -> Iterator[None]:
    """Turn the errors of manifests into problems."""
    try:
        yield
    except UnknownManifest as exc:
        raise no_such_manifest(number) from exc
    except OutdatedManifest as exc:
        raise RequestRefused(ProblemKind.OUTDATED, str(exc)) from exc
    except WrongState as exc:
        raise RequestRefused(ProblemKind.MANIFEST_STATE, str(exc)) from exc
    except ManifestRefused as exc:
        raise invalid(f"body.{exc.field}", exc.hint) from exc


def no_such_manifest(number: str) -> RequestRefused:
    return not_found("Manifest", number, "GET /api/v1/manifests lists all manifests")
