"""The registry: devices, vehicles, sites, routes, zones and permits of a city, stored in SQL and loaded as
one frozen City, with the unlicensed dumps that people know.

`haulwatch city` and `haulwatch device` write it; every process loads it and polls its revision.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection, RowMapping, Table, bindparam, select

from devices.city.columns import Values, city_of, device_values, rows_of
from devices.city.model import City, Device
from devices.db import tables
from devices.db.database import open_database, transaction
from devices.errors import OperatorError

_REVISION: Final = tables.registry_revision
_CITY_TABLES: Final = (
    tables.city,
    tables.vehicle,
    tables.site,
    tables.route,
    tables.zone,
    tables.device,
    tables.permit,
)
"""In the order in which rows are added: a row refers to earlier ones."""


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


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Result of an import: the changes by table, and the new revision of the registry."""

    revision: int
    tables: Mapping[str, Changes]

    @property
    def changed_anything(self) -> bool:
        return any(changes.added or changes.changed for changes in self.tables.values())


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

    def load_city(self) -> City:
        """Load the city of one revision. Raises CityMissing, DatabaseUnavailable, DatabaseMisconfigured."""
        with transaction(self._engine) as connection:
            _read_one_snapshot(connection)
            if not _rows(connection, tables.city):
                raise CityMissing
            rows: dict[str, Sequence[RowMapping]] = {table.name: _rows(connection, table) for table in _CITY_TABLES}
            rows["hotspot"] = connection.execute(_HOTSPOTS).mappings().all()
            return city_of(rows, _revision(connection))

    def import_city(self, city: City) -> ImportReport:
        """Add new rows and overwrite changed ones in one transaction; rows that the city does not name are kept.

        A row is retired by its validity interval, never by leaving it out. Importing the same city again changes
        nothing, and the revision stays. `city.revision` is ignored.

        Raises:
            AnotherCity: the database holds a city of another id.
            DatabaseUnavailable, DatabaseMisconfigured: nothing was changed.
        """
        with transaction(self._engine) as connection:
            _lock_revision(connection)
            stored_ids = [row["id"] for row in _rows(connection, tables.city)]
            if stored_ids not in ([], [city.id]):
                raise AnotherCity(stored_ids[0], city.id)
            wanted = rows_of(city)
            changes = {table.name: _upsert(connection, table, wanted[table.name]) for table in _CITY_TABLES}
            report = ImportReport(_revision(connection), changes)
            if not report.changed_anything:
                return report
            connection.execute(_REVISION.update().values(revision=report.revision + 1))
            return ImportReport(report.revision + 1, changes)

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


def _rows(connection: Connection, table: Table) -> list[RowMapping]:
    """Return rows in the order of the key, by code point, since each database sorts text in its own way."""
    rows = connection.execute(select(table)).mappings()
    return sorted(rows, key=lambda row: [row[column.name] for column in table.primary_key])


def _upsert(connection: Connection, table: Table, wanted: Iterable[Values]) -> Changes:
    keys = [column.name for column in table.primary_key]
    stored = {tuple(row[key] for key in keys): dict(row) for row in _rows(connection, table)}
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
