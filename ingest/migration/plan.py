"""The plan of a migration, a file in the data directory while one is under way; no process starts meanwhile.

copying   records are written to the new log; nothing else has changed, and the migration can be given up
moving    all records are in the new log; the readers' states are moved, each once
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from devices.errors import OperatorError

PLAN_FILE: Final = "migration.json"


class MigrationRefused(OperatorError):
    """The log cannot be moved as things are; the text says what to do. Nothing has changed."""


class MigrationUnfinished(OperatorError):
    """A migration was interrupted, and must be finished or given up first."""


class LogKind(StrEnum):
    """Where a raw log is."""

    DISK = "disk"
    KAFKA = "kafka"


class Phase(StrEnum):
    """How far a migration is."""

    COPYING = "copying"
    MOVING = "moving"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Move(_Value):
    """What one reader's state becomes."""

    positions: Mapping[int, int]
    """The offset of the last record it has read, by partition of the new log."""
    places: Mapping[int, int] = {}
    """Place in the former log → place in the new one, of records that the state names."""


class Plan(_Value):
    """What is moved where, and how far it is."""

    id: str
    to: LogKind
    topic: str
    partitions: int
    phase: Phase = Phase.COPYING
    moves: Mapping[str, Move] = {}
    """By reader; empty while copying."""
    revisions: Mapping[str, tuple[str, int]] = {}
    """Digest and offset in the new log of the last revision, by topic (`ingest.log.revision_writer`)."""
    records: int = 0
    """In the new log."""


def plan_path(data_dir: Path) -> Path:
    return data_dir / PLAN_FILE


def load_plan(data_dir: Path) -> Plan | None:
    """The plan of a migration that is under way. Raises MigrationRefused if the file is spoiled, OSError."""
    path = plan_path(data_dir)
    try:
        return Plan.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as exc:
        raise MigrationRefused(
            f"{path} cannot be read: restore the data directory from a backup, or remove that file if no migration "
            "was begun"
        ) from exc


def save_plan(data_dir: Path, plan: Plan) -> None:
    """Replace the plan; on the disk on return. Raises OSError."""
    replace_durably(plan_path(data_dir), plan.model_dump_json().encode())


def remove_plan(data_dir: Path) -> None:
    """The migration is finished, or given up."""
    plan_path(data_dir).unlink(missing_ok=True)
    sync_folder(data_dir)


def replace_durably(path: Path, content: bytes) -> None:
    """Replace a file whole: after a crash it has the former content, or this. Raises OSError."""
    draft = path.with_name(f"{path.name}.draft")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in the folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
