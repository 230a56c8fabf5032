"""The registry: devices, vehicles, sites, routes, zones, permits and their like, in versions, stored in SQL and loaded
as one frozen City, with the unlicensed dumps that people know.

`haulwatch city` and `haulwatch device` write it; every process loads it and polls its revision.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection, RowMapping, Table, bindparam, select

from devices.city.columns import Row, Values, city_of, device_values, rows_of
from devices.city.files.difference import difference
from devices.city.files.single import KINDS, city_of_rows
from devices.city.model import City, Device
from devices.city.succession import check_clashes
from devices.db import tables
from devices.db.database import open_database, transaction
from devices.db.registry_changes import Author, RegistryChange, changes_of, note_changes
from devices.errors import OperatorError

_REVISION: Final = tables.registry_revision
_CITY_TABLES: Final = (
    tables.city,
    tables.haulier,
    tables.driver,
    tables.vehicle,
    tables.site,
    tables.gate,
    tables.route,
    tables.zone,
    tables.profile,
    tables.device,
    tables.permit,
    tables.licence,
)
"""In the order in which rows are added: a row refers to earlier ones."""
_PAST: Final = {tables.vehicle.name: tables.past_vehicle, tables.permit.name: tables.past_permit}
"""Where the earlier versions are of what has only its newest version in its table."""


_HOTSPOTS: Final = (
    select(tables.suspected_site)
    .where(tables.suspected_site.c.kind == tables.DUMP, tables.suspected_site.c.state == tables.ACCEPTED)
    .order_by(tables.suspected_site.c.id)
)


class CityMissing(OperatorError):
    """The registry is empty: no city was imported yet."""

    def __init__(self) -> None:
        super().__init__("the registry holds no city: import one with `haulwatch city import DIR`")


class AnotherCity(OperatorError):
    """The database already holds a different city; one database holds one city."""

    def __init__(self, stored_id: str, offered_id: str) -> None:
        fault = f"the registry holds city {stored_id!r}, not {offered_id!r}"
        super().__init__(f"{fault}: use another database for another city")


class Changes(NamedTuple):
    """Numbers of rows of one table that an import added, changed and left alone."""

    added: int
    changed: int
    unchanged: int

    @property
    def is_change(self) -> bool:
        return bool(self.added or self.changed)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Result of an import: the changes by table, and the new revision of the registry."""

    revision: int
    tables: Mapping[str, Changes]

    @property
    def changed_anything(self) -> bool:
        return any(changes.is_change for changes in self.tables.values())


class Registry:
    """One city in one database. Safe to use from several processes; the tables must exist (migrations)."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)

    def close(self) -> None:
        self._engine.dispose()

    def revision(self) -> int:
        """Return the revision, which every change increases; 0 before the first import. One indexed read."""
        with transaction(self._engine) as connection:
            return _revision(connection)

    def timezone(self) -> str:
        """The city's time zone, without the rest of the city. Raises CityMissing, DatabaseError."""
        with transaction(self._engine) as connection:
            found = connection.execute(select(tables.city.c.timezone)).scalar()
        if found is None:
            raise CityMissing
        return str(found)

    def load_city(self, *, with_drivers: bool = False) -> City:
        """Load the city of one revision. Raises CityMissing, DatabaseUnavailable, DatabaseMisconfigured.

        `with_drivers`: judgement asks for no person, and its roles in the database may not read them.
        """
        with transaction(self._engine) as connection:
            _read_one_snapshot(connection)
            if not _rows(connection, tables.city):
                raise CityMissing
            loaded = [table for table in _CITY_TABLES if with_drivers or table is not tables.driver]
            return _load(connection, loaded)

    def import_city(self, city: City, author: Author | None = None) -> ImportReport:
        """Add new rows and overwrite changed ones in one transaction; rows that the city does not name are kept.

        A row is retired by its validity interval, never by leaving it out. Importing the same city again changes
        nothing, and the revision stays. `city.revision` is ignored. `author`: stands beside each change; None: nobody
        asks who it was, as in a demonstration. The first import is no change.

        Raises:
            AnotherCity: the database holds a city of another id.
            VersionsRefused: two versions of an entry, stored or wanted, would hold at one time.
            DatabaseUnavailable, DatabaseMisconfigured: nothing was changed.
        """
        with transaction(self._engine) as connection:
            _lock_revision(connection)
            stored_ids = [row["id"] for row in _rows(connection, tables.city)]
            if stored_ids not in ([], [city.id]):
                raise AnotherCity(stored_ids[0], city.id)
            before = _load(connection, _CITY_TABLES) if stored_ids else None
            return _write(connection, city, before, author)

    def change_city(self, change: Callable[[City], City], author: Author) -> ImportReport:
        """Let `change` make another city of the one that is registered, drivers with it, and write that, all in one
        transaction; what `change` raises leaves everything as it was.

        Raises CityMissing, VersionsRefused, DatabaseUnavailable, DatabaseMisconfigured.
        """
        with transaction(self._engine) as connection:
            _lock_revision(connection)
            if not _rows(connection, tables.city):
                raise CityMissing
            before = _load(connection, _CITY_TABLES)
            return _write(connection, change(before), before, author)

    def change_entry(
        self, stem: str, entry_id: str, change: Callable[[Sequence[Row], Row], Sequence[Values]], author: Author
    ) -> Sequence[Values]:
        """Let `change` make the rows of all versions of one entry from those that there are, and write them, all in one
        transaction; what `change` raises leaves everything as it was. Returns the rows.

        `stem`: of its file; `change` gets the row of the city as well, and drops no version. Raises CityMissing,
        DatabaseUnavailable, DatabaseMisconfigured.
        """
        table = tables.metadata.tables[KINDS[stem].table]
        with transaction(self._engine) as connection:
            _lock_revision(connection)
            head = connection.execute(select(tables.city)).mappings().first()
            if head is None:
                raise CityMissing
            before = _versions(connection, table, entry_id)
            after = sorted(change(before, head), key=lambda row: row.get("version", 1))
            if not _upsert_versions(connection, table, after, entry_id).is_change:
                return after
            connection.execute(_REVISION.update().values(revision=_REVISION.c.revision + 1))
            former, latter = (city_of_rows(table.name, rows, head) for rows in (before, after))
            note_changes(connection, difference(former, latter, author.at), author, _revision(connection))
            return after

    def head(self) -> Row:
        """The row of the city. Raises CityMissing, DatabaseUnavailable, DatabaseMisconfigured."""
        with transaction(self._engine) as connection:
            head = connection.execute(select(tables.city)).mappings().first()
        if head is None:
            raise CityMissing
        return head

    def versions(self, stem: str, entry_id: str | None = None) -> Sequence[Row]:
        """The rows of all versions of one entry, or of every entry of a kind, in the order of ids and versions.

        Raises DatabaseUnavailable, DatabaseMisconfigured.
        """
        with transaction(self._engine) as connection:
            return _versions(connection, tables.metadata.tables[KINDS[stem].table], entry_id)

    def changes(
        self, kind: str | None, entry_id: str | None, *, limit: int, before: int | None = None
    ) -> list[RegistryChange]:
        """Changes, newest first; those with a number below `before`. `kind`, `entry_id`: only of these.

        Raises DatabaseUnavailable, DatabaseMisconfigured.
        """
        with transaction(self._engine) as connection:
            return changes_of(connection, kind, entry_id, limit=limit, before=before)

    def add_device(self, device: Device) -> bool:
        """Add one device to the city; returns False and changes nothing if its id is registered already.

        Raises CityMissing, DatabaseUnavailable, DatabaseMisconfigured; DatabaseError if its vehicle does not exist.
        """
        with transaction(self._engine) as connection:
            _lock_revision(connection)
            if not _rows(connection, tables.city):
                raise CityMissing
            same_id = select(tables.device.c.id).where(tables.device.c.id == device.id)
            if connection.execute(same_id).first() is not None:
                return False
            connection.execute(tables.device.insert().values(device_values(device)))
            connection.execute(_REVISION.update().values(revision=_REVISION.c.revision + 1))
            return True


def _load(connection: Connection, loaded: Iterable[Table]) -> City:
    rows: dict[str, Sequence[RowMapping]] = {table.name: _versions(connection, table) for table in loaded}
    rows["hotspot"] = connection.execute(_HOTSPOTS).mappings().all()
    return city_of(rows, _revision(connection))


def _write(connection: Connection, city: City, before: City | None, author: Author | None) -> ImportReport:
    """Write what differs; with an author, note what changes from `before`. Raises VersionsRefused."""
    check_clashes(before, city)
    wanted = rows_of(city)
    changes = {table.name: _upsert_versions(connection, table, wanted[table.name]) for table in _CITY_TABLES}
    report = ImportReport(_revision(connection), changes)
    if not report.changed_anything:
        return report
    revision = report.revision + 1
    connection.execute(_REVISION.update().values(revision=revision))
    if before is not None and author is not None:
        note_changes(connection, difference(before, city, author.at), author, revision)
    return ImportReport(revision, changes)


def _read_one_snapshot(connection: Connection) -> None:
    """Let every SELECT of this transaction see the same state; SQLite's transactions do so anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _lock_revision(connection: Connection) -> None:
    """Lock the revision by a write: imports run one after the other, and each sees the result of the one before."""
    if not connection.execute(_REVISION.update().values(revision=_REVISION.c.revision)).rowcount:
        connection.execute(_REVISION.insert().values(id=1, revision=0))


def _revision(connection: Connection) -> int:
    return connection.execute(select(_REVISION.c.revision)).scalar() or 0


def _rows(connection: Connection, table: Table, entry_id: str | None = None) -> list[RowMapping]:
    """Return rows in the order of the key, by code point, since each database sorts text in its own way.

    `entry_id`: only those of this id.
    """
    query = select(table) if entry_id is None else select(table).where(table.c.id == entry_id)
    rows = connection.execute(query).mappings()
    return sorted(rows, key=lambda row: [row[column.name] for column in table.primary_key])


def _versions(connection: Connection, table: Table, entry_id: str | None = None) -> list[RowMapping]:
    """Return the rows of every version, in the order of ids and versions; `entry_id`: only of this one."""
    past = _PAST.get(table.name)
    rows = _rows(connection, table, entry_id)
    if past is None:
        return rows
    return sorted((*_rows(connection, past, entry_id), *rows), key=lambda row: (row["id"], row["version"]))


def _upsert_versions(
    connection: Connection, table: Table, wanted: Sequence[Values], entry_id: str | None = None
) -> Changes:
    """Upsert rows of every version. A version that is no longer the newest moves to the table of the earlier ones.

    `entry_id`: all of them are of this one.
    """
    past = _PAST.get(table.name)
    if past is None:
        return _upsert(connection, table, wanted, entry_id)
    stored = {(row["id"], row["version"]): dict(row) for row in _versions(connection, table, entry_id)}
    named = {(row["id"], row["version"]): row for row in wanted}
    changes = Changes(
        added=len(named.keys() - stored.keys()),
        changed=sum(key in stored and stored[key] != row for key, row in named.items()),
        unchanged=sum(stored.get(key) == row for key, row in named.items()),
    )
    newest: dict[str, Values] = {}
    earlier: list[Values] = []
    for row in sorted((stored | named).values(), key=lambda row: (row["id"], row["version"])):
        if row["id"] in newest:
            earlier.append(newest[row["id"]])
        newest[row["id"]] = row
    _upsert(connection, table, newest.values(), entry_id)
    _upsert(connection, past, earlier, entry_id)
    return changes


def _upsert(connection: Connection, table: Table, wanted: Iterable[Values], entry_id: str | None = None) -> Changes:
    keys = [column.name for column in table.primary_key]
    stored = {tuple(row[key] for key in keys): dict(row) for row in _rows(connection, table, entry_id)}
    added: list[Values] = []
    changed: list[Values] = []
    unchanged = 0
    for values in wanted:
        before = stored.get(tuple(values[key] for key in keys))
        if before is None:
            added.append(values)
        elif before != values:
            changed.append({f"new_{name}": value for name, value in values.items()})
        else:
            unchanged += 1
    if added:
        connection.execute(table.insert(), added)
    if changed:
        statement = table.update().where(*(table.c[key] == bindparam(f"new_{key}") for key in keys))
        others = [column.name for column in table.c if column.name not in keys]
        connection.execute(statement.values({name: bindparam(f"new_{name}") for name in others}), changed)
    return Changes(len(added), len(changed), unchanged)
