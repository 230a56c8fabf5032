"""Who reported, sealed: kept beside a report, opened for one look at a time, erased after a time or when asked."""

from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select, update

from devices.db.database import transaction
from rules.public_reports.model import Informant, NoInformant, number_of
from rules.public_reports.sealing import InformantKeys, Sealed
from rules.public_reports.store import Sealer
from rules.public_reports.tables import public_report_informant as table

_RESEALED_AT_ONCE: Final = 500


class Informants:
    """The sealed names and contacts. Synchronous; every method raises DatabaseError when the database fails."""

    def __init__(self, engine: Engine, keys: Callable[[], InformantKeys]) -> None:
        """`keys`: read for each use, so that a new key is used without a restart. May raise OperatorError, OSError."""
        self._engine, self._keys = engine, keys

    def close(self) -> None:
        self._engine.dispose()

    @property
    def may_be_kept(self) -> bool:
        """Whether there is a key to seal with. Raises BadInformantKey."""
        return bool(self._keys().ids)

    def sealer(self, informant: Informant) -> Sealer:
        """What `ReportStore.add` calls in its transaction; raises NoInformantKey there."""
        return partial(_keep, self._keys(), informant)

    def open(self, report_no: int) -> Informant:
        """Raises NoInformant, NoInformantKey, BadInformantKey, Unsealable."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(table).where(table.c.report_no == report_no)).mappings().first()
        if row is None:
            raise NoInformant(f"report {number_of(report_no)} names nobody, or the name was erased")
        return self._keys().open(report_no, Sealed(row["key_id"], bytes(row["nonce"]), bytes(row["sealed"])))

    def erase(self, report_no: int) -> bool:
        """Return whether there was anything to erase."""
        return self._delete(table.c.report_no == report_no) > 0

    def erase_before(self, received_before: int) -> int:
        """Erase those of reports that came before this time, ms; return how many."""
        return self._delete(table.c.received_at < received_before)

    def reseal(self) -> int:
        """Seal with the newest key what others sealed; return how many. Then the others may be dropped.

        Raises NoInformantKey, Unsealable; what was resealed before stays so.
        """
        keys, count = self._keys(), 0
        newest = keys.ids[0] if keys.ids else ""
        query = select(table).where(table.c.key_id != newest).limit(_RESEALED_AT_ONCE)
        while True:
            with transaction(self._engine) as connection:
                connection.execute(delete(table).where(table.c.report_no < 0))  # waits for its turn before it reads
                rows = connection.execute(query).mappings().all()
                for row in rows:
                    no = row["report_no"]
                    informant = keys.open(no, Sealed(row["key_id"], bytes(row["nonce"]), bytes(row["sealed"])))
                    sealed = keys.seal(no, informant)
                    values = {"key_id": sealed.key_id, "nonce": sealed.nonce, "sealed": sealed.content}
                    connection.execute(update(table).where(table.c.report_no == no).values(values))
            count += len(rows)
            if len(rows) < _RESEALED_AT_ONCE:
                return count

    def _delete(self, condition: ColumnElement[bool]) -> int:
        with transaction(self._engine) as connection:
            if connection.dialect.name == "sqlite":
                # Zeros in the file in place of the row; its earlier copy in the log goes at the next checkpoint.
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            return connection.execute(delete(table).where(condition)).rowcount


def _keep(keys: InformantKeys, informant: Informant, connection: Connection, report_no: int, at: int) -> None:
    sealed = keys.seal(report_no, informant)
    connection.execute(
        insert(table).values(
            report_no=report_no, key_id=sealed.key_id, nonce=sealed.nonce, sealed=sealed.content, received_at=at
        )
    )
