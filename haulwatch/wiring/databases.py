"""Repositories in the relational database: registry, logins, commands and the alert journal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from haulwatch.settings.load import Settings

if TYPE_CHECKING:
    from devices.access.logins import Logins
    from devices.commands.store import CommandStore
    from devices.db.registry import Registry
    from haulwatch.process.current_city import CurrentCity
    from rules.alerts.journal import AlertJournal


@contextmanager
def open_registry(settings: Settings) -> "Iterator[Registry]":
    from devices.db.registry import Registry

    registry = Registry(_url(settings))
    try:
        yield registry
    finally:
        registry.close()


@contextmanager
def open_current_city(settings: Settings) -> "Iterator[CurrentCity]":
    """The registered city, kept current while the block runs. Raises CityMissing, DatabaseError."""
    from haulwatch.process.current_city import CurrentCity

    with open_registry(settings) as registry:
        yield CurrentCity(registry)


def count_registered_devices(settings: Settings) -> int:
    """Raises CityMissing, DatabaseError."""
    with open_registry(settings) as registry:
        return len(registry.load_city().devices)


@contextmanager
def open_logins(settings: Settings) -> "Iterator[Logins]":
    from devices.access.logins import Logins

    logins = Logins(_url(settings))
    try:
        yield logins
    finally:
        logins.close()


def open_command_store(settings: Settings) -> "CommandStore":
    from devices.commands.store import CommandStore

    return CommandStore(_url(settings))


def open_journal(settings: Settings) -> "AlertJournal":
    from devices.db.database import open_database
    from rules.alerts.journal import AlertJournal

    return AlertJournal(open_database(_url(settings)))


def _url(settings: Settings) -> str:
    return settings.database_url.get_secret_value()
