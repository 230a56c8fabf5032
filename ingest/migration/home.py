"""Where the raw log of a data directory is, as a migration noted it: no process begins another log by mistake."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from devices.errors import OperatorError
from ingest.migration.plan import LogKind, MigrationUnfinished, load_plan, replace_durably

_HOME_FILE: Final = "raw_log_home.json"


class LogElsewhere(OperatorError):
    """The settings name another raw log than the one that the data directory belongs to."""


class _Home(BaseModel):
    model_config = ConfigDict(frozen=True)

    on: LogKind
    topic: str
    partitions: int


def note_home(data_dir: Path, on: LogKind, topic: str, partitions: int) -> None:
    """Note that the raw log is there from now on. Raises OSError."""
    home = _Home(on=on, topic=topic, partitions=partitions)
    replace_durably(data_dir / _HOME_FILE, home.model_dump_json().encode())


def refuse_another_log(data_dir: Path, topic: str | None) -> None:
    """Raise MigrationUnfinished while a migration is under way, LogElsewhere if the log was moved somewhere else.

    `topic`: that of the settings; None: they have the log on disk.
    """
    plan = load_plan(data_dir)
    if plan is not None:
        raise MigrationUnfinished(
            f"a migration of the raw log to {plan.to} was interrupted: run `haulwatch log migrate --to {plan.to}` again"
        )
    try:
        home = _Home.model_validate_json((data_dir / _HOME_FILE).read_bytes())
    except FileNotFoundError:
        return
    except ValidationError as exc:
        raise LogElsewhere(
            f"{data_dir / _HOME_FILE} cannot be read: remove it if HAULWATCH_KAFKA_URL is as it was last"
        ) from exc
    if home.on is LogKind.KAFKA and topic != home.topic:
        raise LogElsewhere(
            f"the raw log was moved to topic {home.topic} on Kafka: set HAULWATCH_KAFKA_URL and _PREFIX, or move it "
            "back with `haulwatch log migrate --to disk`"
        )
    if home.on is LogKind.DISK and topic is not None:
        raise LogElsewhere(
            "the raw log was moved to this disk: unset HAULWATCH_KAFKA_URL, or move it with `haulwatch log migrate "
            "--to kafka`"
        )
