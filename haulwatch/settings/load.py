"""Settings: environment variables `HAULWATCH_…`, read and checked once at start, frozen ever after.

A secret may come from a file instead (`…_FILE`), so that it need not stand in an environment.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource

from devices.errors import OperatorError
from haulwatch.settings.fields import PREFIX, Variable
from haulwatch.settings.groups import Settings

__all__ = ["Settings", "SettingsError", "Variable", "load_settings", "variables"]


_LOGIN: Final = re.compile("//[^/]*@")
"""User and password in a URL: not to be shown even where they should not be."""


class SettingsError(OperatorError):
    """One or more variables are wrong; the text names each with its unit and the mend, and shows no secret."""


def variables() -> Iterator[tuple[str, str, Variable]]:
    """Every setting as (group, field, variable), in the order they are written above."""
    for group, field in Settings.model_fields.items():
        for name, info in type(field.default).model_fields.items():
            yield group, name, Variable.of(info)


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read and check every `HAULWATCH_` variable of `env` (the process's environment when None).

    Opens no connection. An empty value counts as absent. Raises SettingsError, which lists everything that is wrong.
    """
    given = {name: value for name, value in (os.environ if env is None else env).items() if name.startswith(PREFIX)}
    known = {variable.name: variable for _, _, variable in variables()}
    problems: list[str] = []
    values = dict(_with_secret_files(given, known, problems))
    problems += [_unknown(name, known) for name in sorted(values.keys() - known.keys())]
    groups: dict[str, Any] = {}
    for group, field in Settings.model_fields.items():
        model = type(field.default)
        try:
            groups[group] = model(**_Given(model, values)())
        except ValidationError as exc:
            problems += [
                _wrong(str(error["loc"][0]) if error["loc"] else "", error["msg"], known, values)
                for error in exc.errors(include_url=False, include_input=False, include_context=False)
            ]
    if problems:
        raise SettingsError("\n".join(["the settings are not usable:", *(f"  {problem}" for problem in problems)]))
    return Settings(**groups)


class _Given(EnvSettingsSource):
    """Picks a group's variables out of the mapping handed over instead of the process's environment."""

    def __init__(self, model: type[BaseSettings], values: Mapping[str, str]) -> None:
        self._values = {name: value for name, value in values.items() if value}
        super().__init__(model, case_sensitive=True)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._values


def _with_secret_files(
    given: Mapping[str, str], known: Mapping[str, Variable], problems: list[str]
) -> Iterator[tuple[str, str]]:
    """The variables with each `X_FILE` of a secret X replaced by X and the file's content."""
    for name, value in given.items():
        secret = known.get(name.removesuffix("_FILE"))
        if name in known or secret is None or not secret.secret or not name.endswith("_FILE"):
            yield name, value
        elif not value:
            continue
        elif given.get(secret.name):
            problems.append(f"{secret.name} and {name} are both set: keep one")
        else:
            try:
                yield secret.name, Path(value).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as exc:
                why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
                problems.append(f"{name}: cannot read {value}: {why}: give a file that holds {secret.unit}")


def _unknown(name: str, known: Mapping[str, Variable]) -> str:
    names = [*known, *(f"{variable.name}_FILE" for variable in known.values() if variable.secret)]
    # Without the prefix, which makes everything look alike.
    near = difflib.get_close_matches(name.removeprefix(PREFIX), [near.removeprefix(PREFIX) for near in names], n=1)
    mend = f"did you mean {PREFIX}{near[0]}?" if near else "see `haulwatch settings`"
    return f"{name}: no such setting: {mend}"


def _wrong(name: str, message: str, known: Mapping[str, Variable], values: Mapping[str, str]) -> str:
    said = message.removeprefix("Value error, ")
    variable = known.get(name)
    if variable is None:
        return said
    shown = "the secret given" if variable.secret else repr(_LOGIN.sub("//…@", values[name]))
    mend = f"unset it for the default {variable.default}" if variable.default else "unset it to go without"
    return f"{name}: {shown}: {said}. Give {variable.unit}, or {mend}"
