"""The settings of the city's waste programme."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

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
