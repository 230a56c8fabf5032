"""Adoption: an unregistered device is registered, and its quarantined readings are redriven."""

from collections.abc import Callable
from contextlib import closing
from typing import Final

from devices.access.new_device import check_device
from devices.city.model import Device
from devices.db.registry import Registry
from haulwatch.process import system_clock
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_registry
from haulwatch.wiring.log import open_raw_log, open_revision_writer
from haulwatch.wiring.stores import open_dead_letters
from ingest.ledger.unregistered import waiting_letters

_BATCH: Final = 500
"""Dead letters redriven in one transaction."""


def register(settings: Settings, add: Callable[[Registry], bool]) -> bool:
    """Let `add` register a device; then append the city to the raw log.

    Readings that come before this revision in the raw log would be quarantined again. Returns what `add` returns.
    Raises CityMissing, DatabaseError, RawLogError, OSError, and what `add` raises.
    """
    with open_registry(settings) as registry:
        registered = add(registry)
        with closing(open_revision_writer(settings)) as revisions:
            revisions.write_city(registry.load_city)
    return registered


def register_described(settings: Settings, device: Device) -> bool:
    """Register a device as it is described; False if its id is registered already, and nothing else was changed.

    Raises UnfitDevice, and as `register`.
    """

    def add(registry: Registry) -> bool:
        city = registry.load_city()
        if device.id in city.devices:
            return False
        check_device(device, city)
        return registry.add_device(device)

    return register(settings, add)


def redrive_waiting(settings: Settings, device_id: str) -> int:
    """Redrive all quarantined readings of a device that was unregistered. Raises StateUnavailable, RawLogError."""
    letters = open_dead_letters(settings)
    waiting = [letter.id for letter in waiting_letters(letters, device_id)]
    redriven = 0
    with closing(open_raw_log(settings)) as log:
        for start in range(0, len(waiting), _BATCH):
            outcomes = letters.redrive_all(waiting[start : start + _BATCH], log, system_clock.now_ms())
            # An outcome that is no offset: somebody else redrove it meanwhile.
            redriven += sum(isinstance(outcome, int) for outcome in outcomes.values())
    return redriven
