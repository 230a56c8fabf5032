"""The registered city, refreshed now and then, and kept while the registry does not answer."""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from devices.city.columns import pack_city, unpack_city
from devices.city.model import City
from devices.db.database import DatabaseError, DatabaseUnavailable
from devices.db.registry import CityMissing

_log = logging.getLogger(__name__)

REFRESH_EVERY_S: Final = 2.0
"""The longest time until a changed registry is noticed; readings of an adopted device are accepted from then on."""
REFRESH_AFTER_FAILURE_S: Final = 30.0
"""A database host that does not answer costs some seconds at each attempt, and the caller waits for it."""


class CitySource(Protocol):
    """The part of the registry that `CurrentCity` reads."""

    def revision(self) -> int: ...
    def load_city(self) -> City: ...


class KeptCity:
    """The city as the registry had it last, in a file of the data directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, city: City) -> None:
        """Replace the file; a failure is logged, since everything else works without it."""
        draft = self._path.with_suffix(f".draft-{os.getpid()}")
        try:
            draft.write_bytes(pack_city(city))
            draft.replace(self._path)
        except OSError as exc:
            _log.warning("the city cannot be kept for starts without the registry: %s: %s", self._path, exc)

    def load(self) -> City | None:
        """The city in the file; None where there is none, or it is damaged."""
        try:
            return unpack_city(self._path.read_bytes())
        except (OSError, ValueError):
            return None


class CurrentCity:
    """A callable that returns the city as the registry has it now.

    It looks for a new revision at most every `REFRESH_EVERY_S`, after a failure every `REFRESH_AFTER_FAILURE_S`. While
    the registry does not answer, it returns the last city: recording and judging do not wait for the registry.
    """

    def __init__(
        self, registry: CitySource, kept: KeptCity | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises CityMissing if no city was imported yet, DatabaseError where no city is kept either."""
        self._registry, self._kept = registry, kept
        self._monotonic = monotonic
        self._failing = False
        self._city = self._first_city()
        self._refresh_at = monotonic() + REFRESH_EVERY_S

    def _first_city(self) -> City:
        try:
            city = self._registry.load_city()
        except DatabaseUnavailable as exc:
            if self._kept is None or (kept := self._kept.load()) is None:
                raise
            _log.warning("registry cannot be read, starting with revision %d of the city: %s", kept.revision, exc)
            self._failing = True
            return kept
        if self._kept is not None:
            self._kept.save(city)
        return city

    def __call__(self) -> City:
        if self._monotonic() >= self._refresh_at:
            self._refresh()
            pause_s = REFRESH_AFTER_FAILURE_S if self._failing else REFRESH_EVERY_S
            self._refresh_at = self._monotonic() + pause_s
        return self._city

    def load(self) -> City:
        """Read the registry now. Raises CityMissing, DatabaseError."""
        return self._registry.load_city()

    def _refresh(self) -> None:
        try:
            if self._registry.revision() != self._city.revision:
                self._city = self._registry.load_city()
                if self._kept is not None:
                    self._kept.save(self._city)
        except (DatabaseError, CityMissing) as exc:
            if not self._failing:
                _log.warning("registry cannot be read, the last city stays in use: %s", exc)
            self._failing = True
        else:
            self._failing = False
