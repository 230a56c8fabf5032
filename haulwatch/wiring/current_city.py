"""The city a running process goes by: looked up again now and then, kept as it was while the registry is away."""

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from devices.city.model import City
from devices.db.database import DatabaseError
from devices.db.registry import CityMissing

_log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 2.0
"""How soon a changed registry is noticed: an adopted device is taken from then on."""
LOOK_AFTER_FAILURE_S: Final = 30.0
"""A database host that answers nothing costs some seconds each time it is asked, and the caller waits for it."""


class Cities(Protocol):
    """The part of the registry that `CurrentCity` looks at."""

    def revision(self) -> int: ...
    def load_city(self) -> City: ...


class CurrentCity:
    """The city as the registry has it now.

    It looks for a new revision at most every `LOOK_EVERY_S`, after a failure every `LOOK_AFTER_FAILURE_S`. While the
    registry is away the city stays as it was: recording and judging do not wait for it.
    """

    def __init__(self, source: Cities, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Raises CityMissing if none was imported yet, DatabaseError."""
        self._registry = source
        self._monotonic = monotonic
        self._city = source.load_city()
        self._look_at = monotonic() + LOOK_EVERY_S
        self._away = False

    def __call__(self) -> City:
        if self._monotonic() >= self._look_at:
            self._look()
            self._look_at = self._monotonic() + (LOOK_AFTER_FAILURE_S if self._away else LOOK_EVERY_S)
        return self._city

    def _look(self) -> None:
        try:
            if self._registry.revision() != self._city.revision:
                self._city = self._registry.load_city()
        except (DatabaseError, CityMissing) as exc:
            if not self._away:
                _log.warning("the registry is away, going on with the city as it was: %s", exc)
            self._away = True
        else:
            self._away = False
