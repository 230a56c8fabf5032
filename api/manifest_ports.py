"""Ports: manifests, as the API needs them; a part of `api.ports`."""

from typing import Protocol

from rules.manifests.document import (
    ManifestDetail,
    ManifestDocument,
    ManifestFilter,
    ManifestPage,
    ManifestRequest,
    UnknownManifest,
)


class Manifests(Protocol):
    """`rules.manifests.store.ManifestStore`. Synchronous; every method may raise DatabaseError."""

    def issue(self, document: ManifestDocument, actor: str, at: int, number: str | None = None) -> ManifestDetail:
        """Raises ManifestRefused."""

    def act(self, number: str, request: ManifestRequest) -> ManifestDetail:
        """Raises UnknownManifest, OutdatedManifest, WrongState, ManifestRefused."""

    def manifest(self, number: str) -> ManifestDetail | None: ...

    def number_of_code(self, code: str) -> str | None: ...

    def manifests(self, where: ManifestFilter, *, limit: int, before: str | None = None) -> ManifestPage:
        """A page of manifests, newest first. Raises InvalidCursor."""


class NoManifests:
    """Stands for the port where nothing keeps manifests."""

    def issue(self, document: ManifestDocument, actor: str, at: int, number: str | None = None) -> ManifestDetail:
        raise UnknownManifest("nothing keeps manifests here")

    def act(self, number: str, request: ManifestRequest) -> ManifestDetail:
        raise UnknownManifest(f"no manifest {number!r}")

    def manifest(self, number: str) -> ManifestDetail | None:
        return None

    def number_of_code(self, code: str) -> str | None:
        return None

    def manifests(self, where: ManifestFilter, *, limit: int, before: str | None = None) -> ManifestPage:
        return ManifestPage(items=(), next_cursor=None)
