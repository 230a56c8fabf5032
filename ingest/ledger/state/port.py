"""The recorder's tables as recorder and ledger use them, wherever they are.

Statements       executes statements, inside a transaction
Tables           all tables: for the ledger's readers, and for dead letters
└── OwnTables    those of the partition that one recorder owns

Statements are written once, in the part of SQL that SQLite and PostgreSQL share: parameters are `?`, `ON CONFLICT DO
UPDATE` names its columns, `excluded` and the table qualify what it sets, and `"offset"` is quoted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from devices.errors import OperatorError


class StateUnavailable(OperatorError):
    """The recorder's tables cannot be used now (disk full, locked, no server). Nothing was kept; try again."""


class StateSpoiled(StateUnavailable):
    """Pages of the file are spoiled. The next start of the recorder saves what can be read."""


class StateFenced(StateUnavailable):
    """Another recorder has taken the partition over. Nothing was kept, and this one never writes it again."""


class StateUncertain(StateUnavailable):
    """The server did not say whether a transaction was kept. Go on by tables that are opened anew, which say it: to do
    it again could count twice.
    """


class Rows(Protocol):
    """The answer to a statement."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> Sequence[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Statements(Protocol):
    """Executes statements on one connection."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows: ...
    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> object: ...


class Tables(Protocol):
    """The tables of all partitions. Methods raise StateUnavailable."""

    def snapshot(self) -> AbstractContextManager[Statements]:
        """For reading: all rows are of one moment."""

    def changing(self) -> AbstractContextManager[Statements]:
        """A transaction: everything done in the block is kept, or nothing. No recorder changes a row meanwhile."""

    def give_back(self, *, rest: bool) -> None:
        """Give the space of deleted rows back to the disk: some milliseconds' worth, or the rest of it."""

    def close(self) -> None: ...


class OwnTables(Protocol):
    """The tables as the recorder of one partition uses them. Methods raise StateUnavailable."""

    @property
    def partition(self) -> int:
        """Of the raw log: that of every row it changes."""

    def reading(self) -> AbstractContextManager[Statements]: ...

    def changing(self) -> AbstractContextManager[Statements]:
        """As `Tables.changing`. Raises StateFenced once another recorder has taken the partition over, StateUncertain
        where it was not heard whether all was kept.
        """

    def check_owner(self) -> None:
        """Raise StateFenced if another recorder has taken the partition over."""

    def positions(self) -> Mapping[int, int]:
        """Offset of the last committed record, 0 before the first, by partition of the raw log that it reads."""

    def close(self) -> None: ...
