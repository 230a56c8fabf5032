"""Ports: single entries of the registry, as the API needs them; a part of `api.ports`."""

from collections.abc import Callable, Sequence
from typing import Protocol

from devices.city.columns import Row, Values
from devices.city.model import City
from devices.db.registry_changes import Author, RegistryChange


class RegistryEntries(Protocol):
    """`devices.db.registry.Registry`. Synchronous; every method may raise DatabaseError."""

    def revision(self) -> int: ...

    def load_city(self) -> City:
        """The whole city, without drivers. Raises CityMissing."""

    def head(self) -> Row:
        """The row of the city. Raises CityMissing."""

    def versions(self, stem: str, entry_id: str | None = None) -> Sequence[Row]:
        """The rows of all versions of one entry, or of every entry of a kind, in the order of ids and versions."""

    def change_entry(
        self, stem: str, entry_id: str, change: Callable[[Sequence[Row], Row], Sequence[Values]], author: Author
    ) -> Sequence[Values]:
        """Let `change` make the rows of all versions from those that there are and the row of the city, and write them.

        What `change` raises leaves everything as it was.
        """

    def changes(
        self, kind: str | None, entry_id: str | None, *, limit: int, before: int | None = None
    ) -> list[RegistryChange]:
        """Changes, newest first; those with a number below `before`."""
