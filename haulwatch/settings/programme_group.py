"""The settings of the city's waste programme, and of deposits at recycling points."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr

from haulwatch.settings.fields import Group, field, readable_file


class ProgrammeSettings(Group):
    """Indicators and assessment."""

    file: Annotated[Path, AfterValidator(readable_file)] | None = field(
        None,
        "PROGRAMME",
        "YAML file",
        "Baselines and targets of the indicators, which sites count, how good the data must be, and the weights of the "
        "assessment (docs/indicators.md). `serve` reads it at its start. Absent: no targets, all defaults.",
    )


class DepositSettings(Group):
    """Deposits, and who made them by pseudonym."""

    receive: Literal["on", "off"] = field(
        "off",
        "DEPOSITS",
        "on or off",
        "on: `serve` receives deposits of points over MQTT, with a session of its own at the broker. Off, since its "
        "login needs the right to read them (`haulwatch device export-acl`); the API takes deposits in any case.",
    )
    tariffs: Annotated[Path, AfterValidator(readable_file)] | None = field(
        None,
        "DEPOSIT_TARIFFS",
        "YAML file",
        "What a kilogram of each material earns, in points or yuan (docs/recyclables.md). `serve` reads it at its "
        "start. Absent: deposits are weighed and earn nothing.",
    )
    key: SecretStr | None = field(
        None,
        "DEPOSIT_KEY",
        "content of the file that `haulwatch deposits key` writes",
        "Makes pseudonyms of cards and codes. Absent: the file in the data directory; without either, cards and codes "
        "are dropped when they come, and deposits belong to nobody.",
        min_length=1,
    )
