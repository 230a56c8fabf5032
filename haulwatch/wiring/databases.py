"""Repositories in the relational database: registry, logins, commands, the alert journal, shelves and people."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from devices.readings.instants import HOUR_MS
from haulwatch.settings.data_files import NoData, kept_city_path, require_data_dir
from haulwatch.settings.load import Settings

if TYPE_CHECKING:
    from api.people_ports import People
    from devices.access.logins import Logins
    from devices.commands.store import CommandStore
    from devices.db.registry import Registry
    from devices.people.accounts import Accounts
    from devices.people.audit import AuditTrail
    from devices.people.tokens import Tokens
    from haulwatch.process.current_city import CurrentCity
    from ingest.alerts.shared_cursors import SharedCursors
    from rules.alerts.journal import AlertJournal
    from rules.alerts.shelves import ShelfStore
    from rules.attachments.store import AttachmentStore


@contextmanager
def open_registry(settings: Settings) -> "Iterator[Registry]":
    from devices.db.registry import Registry

    registry = Registry(existing_database_url(settings))
    try:
        yield registry
    finally:
        registry.close()


@contextmanager
def open_current_city(settings: Settings) -> "Iterator[CurrentCity]":
    """The registered city, kept current while the block runs.

    While the registry does not answer it is the city that it had last. Raises CityMissing, DatabaseError.
    """
    from haulwatch.process.current_city import CurrentCity, KeptCity

    with open_registry(settings) as registry:
        yield CurrentCity(registry, KeptCity(kept_city_path(settings)))


def people_zone(settings: Settings) -> ZoneInfo:
    """The zone of times shown to people: HAULWATCH_TIMEZONE, else the city's, else UTC where there is no city."""
    from devices.db.database import DatabaseError
    from devices.db.registry import CityMissing

    if settings.city.timezone is not None:
        return ZoneInfo(settings.city.timezone)
    try:
        with open_registry(settings) as registry:
            return ZoneInfo(registry.timezone())
    except (CityMissing, DatabaseError, NoData):
        return ZoneInfo("UTC")


def count_registered_devices(settings: Settings) -> int:
    """Raises CityMissing, DatabaseError."""
    with open_registry(settings) as registry:
        return len(registry.load_city().devices)


@contextmanager
def open_logins(settings: Settings) -> "Iterator[Logins]":
    from devices.access.logins import Logins

    logins = Logins(existing_database_url(settings))
    try:
        yield logins
    finally:
        logins.close()


def open_command_store(settings: Settings) -> "CommandStore":
    from devices.commands.store import CommandStore

    return CommandStore(existing_database_url(settings))


def open_journal(settings: Settings) -> "AlertJournal":
    from devices.db.database import open_database
    from rules.alerts.journal import AlertJournal

    return AlertJournal(open_database(existing_database_url(settings)))


def shared_cursors(settings: Settings) -> "SharedCursors":
    """Positions of the publishers that go on at any machine."""
    from devices.db.database import open_database
    from ingest.alerts.shared_cursors import SharedCursors

    return SharedCursors(open_database(existing_database_url(settings)))


def open_shelves(settings: Settings) -> "ShelfStore":
    from devices.db.database import open_database
    from rules.alerts.shelves import ShelfStore

    return ShelfStore(open_database(existing_database_url(settings)))


def open_attachments(settings: Settings) -> "AttachmentStore":
    from devices.db.database import open_database
    from haulwatch.settings.data_files import attachments_folder
    from haulwatch.wiring.log import reserve_is_free
    from rules.attachments.files import AttachmentFiles
    from rules.attachments.store import AttachmentStore

    return AttachmentStore(
        open_database(existing_database_url(settings)),
        AttachmentFiles(attachments_folder(settings)),
        settings.attachments.limits,
        lambda: reserve_is_free(settings),
    )


def open_accounts(settings: Settings) -> "Accounts":
    from devices.db.database import open_database
    from devices.people.accounts import Accounts

    return Accounts(open_database(existing_database_url(settings)))


@contextmanager
def open_people(settings: Settings) -> "Iterator[People]":
    """All that the API needs to know who calls, with one pool of connections."""
    from api.people_ports import People
    from devices.db.database import open_database
    from devices.people.accounts import Accounts
    from devices.people.audit import AuditTrail
    from devices.people.sessions import Sessions
    from devices.people.tokens import Tokens
    from haulwatch.wiring.sign_on import open_sign_on

    engine = open_database(existing_database_url(settings))
    sessions = Sessions(engine, settings.api.session_h * HOUR_MS)
    try:
        with open_sign_on(settings, engine) as sign_on:
            yield People(Accounts(engine), sessions, Tokens(engine), AuditTrail(engine), sign_on)
    finally:
        engine.dispose()


def accounts_exist(settings: Settings) -> bool:
    """Raises DatabaseError, NoData."""
    accounts = open_accounts(settings)
    try:
        return accounts.exist()
    finally:
        accounts.close()


def open_tokens(settings: Settings) -> "Tokens":
    from devices.db.database import open_database
    from devices.people.tokens import Tokens

    return Tokens(open_database(existing_database_url(settings)))


def open_audit_trail(settings: Settings) -> "AuditTrail":
    from devices.db.database import open_database
    from devices.people.audit import AuditTrail

    return AuditTrail(open_database(existing_database_url(settings)))


def existing_database_url(settings: Settings) -> str:
    """The URL of a database that an import has created. Raises NoData if its file is not there."""
    from sqlalchemy import make_url

    url = settings.database_url.get_secret_value()
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        file = Path(parsed.database)
        require_data_dir(file.parent)
        if not file.exists():
            raise NoData(
                f"{file}: no such database: create it with `haulwatch city import DIR` (or `haulwatch db upgrade`), or "
                "correct HAULWATCH_DATA_DIR or HAULWATCH_DATABASE_URL"
            )
    return url
