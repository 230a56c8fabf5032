"""The registered city, refreshed now and then, and kept while the registry does not answer."""

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from devices.city.model import City
from devices.db.database import DatabaseError
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


class CurrentCity:
    """A callable that returns the city as the registry has it now.

    It looks for a new revision at most every `REFRESH_EVERY_S`, after a failure every `REFRESH_AFTER_FAILURE_S`. While
    the registry does not answer, it returns the last city: recording and judging do not wait for the registry.
    """

    def __init__(self, registry: CitySource, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Raises CityMissing if no city was imported yet, DatabaseError."""
        self._registry = registry
        self._monotonic = monotonic
        self._city = registry.load_city()
        self._refresh_at = monotonic() + REFRESH_EVERY_S
        self._failing = False

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
        except (DatabaseError, CityMissing) as exc:
            if not self._failing:
                _log.warning("registry cannot be read, the last city stays in use: %s", exc)
            self._failing = True
        else:
            self._failing = False
