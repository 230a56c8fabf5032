"""Faults of a city's files, gathered so that one run names all of them."""

from dataclasses import dataclass, field
from typing import Final

WHOLE: Final = "file"
"""In place of a field, where the whole file has a fault: its line is the one that the format names, if any."""


@dataclass(frozen=True, slots=True)
class Where:
    """Location of a fault: a file, and an entry in it."""

    file: str
    entry: str = ""
    """Its id, or its number from 1; empty: the file itself."""
    number: int | None = None
    """Number of the entry in the file, from 0."""

    def __str__(self) -> str:
        return f"{self.file}: {self.entry}" if self.entry else self.file


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field, and what to write."""

    where: Where
    field: str
    fault: str
    line: int | None = None
    """Line of the file, from 1; None where the file could not be read."""

    def __str__(self) -> str:
        return f"{self.where}: {self.field}: {self.fault}"

    @property
    def with_line(self) -> str:
        """The fault with the line behind the name of the file."""
        line = "" if self.line is None else f":{self.line}"
        entry = f" {self.where.entry}:" if self.where.entry else ""
        return f"{self.where.file}{line}:{entry} {self.field}: {self.fault}"


@dataclass(slots=True)
class Problems:
    """All faults found so far. Reading goes on after a fault."""

    faults: list[Fault] = field(default_factory=list)
    faulty_ids: set[str] = field(default_factory=set)
    """Ids that were refused: a reference to them is no second fault."""
    incomplete_files: set[str] = field(default_factory=set)
    """Files of which not every id is known: a reference into them is no second fault either."""

    def add(self, where: Where, name: str, fault: str) -> None:
        self.faults.append(Fault(where, name, fault))

    def add_unreadable(self, file: str, name: str, fault: str, line: int | None = None) -> None:
        """`line`: where the format names it."""
        self.incomplete_files.add(file)
        self.faults.append(Fault(Where(file), name, fault, line))

    def note_unknown_id(self, file: str, raw: object) -> None:
        entry_id = raw.get("id") if isinstance(raw, dict) else None
        if isinstance(entry_id, str):
            self.faulty_ids.add(entry_id)
        else:
            self.incomplete_files.add(file)
