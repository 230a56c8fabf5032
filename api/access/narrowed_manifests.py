"""Manifests as somebody sees them who may not see all trucks: others are unknown, as if they had never been.

A manifest is of the vehicle for which it was issued, wherever the terminal is now.
"""

from collections.abc import Callable
from dataclasses import replace

from api.manifest_ports import Manifests
from devices.city.model import City
from rules.manifests.document import (
    ManifestDetail,
    ManifestDocument,
    ManifestFilter,
    ManifestPage,
    ManifestRefused,
    ManifestRequest,
    UnknownManifest,
)


class NarrowedManifests:
    """Stands for the port of manifests."""

    def __init__(self, manifests: Manifests, city: Callable[[], City]) -> None:
        """`city`: the part that the caller may see."""
        self._manifests, self._city = manifests, city

    def issue(self, document: ManifestDocument, actor: str, at: int, number: str | None = None) -> ManifestDetail:
        if document.vehicle_id not in self._city().vehicles:
            raise ManifestRefused("vehicle_id", "name a vehicle that is registered: GET /api/v1/trucks lists them")
        return self._manifests.issue(document, actor, at, number)

    def act(self, number: str, request: ManifestRequest) -> ManifestDetail:
        if self.manifest(number) is None:
            raise UnknownManifest(f"no manifest {number!r}")
        return self._manifests.act(number, request)

    def manifest(self, number: str) -> ManifestDetail | None:
        found = self._manifests.manifest(number)
        return found if found is not None and found.manifest.document.vehicle_id in self._city().vehicles else None

    def number_of_code(self, code: str) -> str | None:
        number = self._manifests.number_of_code(code)
        return None if number is None or self.manifest(number) is None else number

    def manifests(self, where: ManifestFilter, *, limit: int, before: str | None = None) -> ManifestPage:
        seen = frozenset(self._city().vehicles)
        wanted = seen if where.vehicle_ids is None else seen & where.vehicle_ids
        return self._manifests.manifests(replace(where, vehicle_ids=wanted), limit=limit, before=before)
