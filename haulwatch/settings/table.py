"""The settings as tables: for `haulwatch settings`, and as Markdown for the documentation."""

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import SecretStr
from rich import box
from rich.table import Table
from rich.text import Text

from haulwatch.settings.load import Settings, Variable, variables


class SettingRow(NamedTuple):
    """One setting and its value."""

    variable: Variable
    value: str
    """Secrets are masked; empty: absent."""


def describe(settings: Settings) -> Iterator[SettingRow]:
    for group, field, variable in variables():
        value = getattr(getattr(settings, group), field)
        masked = "**********" if isinstance(value, SecretStr) else value
        yield SettingRow(variable, "" if value is None else str(masked))


def as_table(settings: Settings) -> Table:
    """A table for a terminal; values that differ from their default are bold."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("variable", no_wrap=True)
    table.add_column("value, unit, effect, and reason for the default", overflow="fold")
    for variable, value in describe(settings):
        style = "" if value == variable.default or (variable.secret and not value) else "bold"
        description = Text.assemble((value or "—", style), (f"  {variable.unit}\n", "dim"), variable.why)
        table.add_row(Text(variable.name, style), description)
    return table


def as_markdown() -> str:
    """Every variable with its default; a test compares the documentation with it."""
    lines = ["| variable | unit | default | what it does, and why the default |", "| --- | --- | --- | --- |"]
    for _, _, variable in variables():
        name = f"`{variable.name}`" + (" (or `…_FILE`)" if variable.secret else "")
        default = f"`{variable.default}`" if variable.default else "absent"
        lines.append(f"| {name} | {variable.unit} | {default} | {variable.why} |")
    return "\n".join(lines) + "\n"
