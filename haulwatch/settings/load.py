"""Loads the settings: environment variables `HAULWATCH_…`, read and checked once at start, then frozen.

A secret may come from a file (`…_FILE`), so that it need not stand in the environment.
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
from haulwatch.settings.urls import KEYS
from ingest.notices.secrets import PREFIX as NOTICE_SECRET_PREFIX

__all__ = ["Settings", "SettingsError", "Variable", "load_settings", "variables"]


_LOGIN: Final = re.compile("//[^/]*@")
"""User and password in a URL: never shown, not even in a URL that may not carry them."""
_KEY: Final = re.compile(rf"([?&](?:{'|'.join(KEYS)})=)(?!{{token}})[^&\s]+", re.IGNORECASE)
"""A token in a URL: likewise."""


class SettingsError(OperatorError):
    """One or more variables are wrong. The text names each with its unit and a hint, and shows no secret."""


def variables() -> Iterator[tuple[str, str, Variable]]:
    """Every setting as (group, field, variable), in the order of `haulwatch.settings.groups`."""
    for group, field in Settings.model_fields.items():
        for name, info in type(field.default).model_fields.items():
            yield group, name, Variable.of(info)


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read and check every `HAULWATCH_` variable of `env` (the process's environment when None).

    Opens no connection. An empty value counts as absent. `HAULWATCH_SECRET_…` are no settings: notice rules name them
    (`ingest.notices.secrets`). Raises SettingsError, which lists everything that is wrong.
    """
    given = {
        name: value
        for name, value in (os.environ if env is None else env).items()
        if name.startswith(PREFIX) and not name.startswith(NOTICE_SECRET_PREFIX)
    }
    by_name = {variable.name: variable for _, _, variable in variables()}
    problems: list[str] = []
    values = dict(_with_secret_files(given, by_name, problems))
    problems += [_unknown(name, by_name) for name in sorted(values.keys() - by_name.keys())]
    groups: dict[str, Any] = {}
    for group, field in Settings.model_fields.items():
        model = type(field.default)
        try:
            groups[group] = model(**_Given(model, values)())
        except ValidationError as exc:
            problems += [
                _wrong(str(error["loc"][0]) if error["loc"] else "", error["msg"], by_name, values)
                for error in exc.errors(include_url=False, include_input=False, include_context=False)
            ]
    if problems:
        raise SettingsError("\n".join(["the settings are wrong:", *(f"  {problem}" for problem in problems)]))
    return Settings(**groups)


class _Given(EnvSettingsSource):
    """Reads the variables of one group from a mapping instead of the process's environment."""

    def __init__(self, model: type[BaseSettings], values: Mapping[str, str]) -> None:
        self._values = {name: value for name, value in values.items() if value}
        super().__init__(model, case_sensitive=True)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._values


def _with_secret_files(
    given: Mapping[str, str], by_name: Mapping[str, Variable], problems: list[str]
) -> Iterator[tuple[str, str]]:
    """The variables with each `X_FILE` of a secret X replaced by X and the file's content."""
    for name, value in given.items():
        secret = by_name.get(name.removesuffix("_FILE"))
        if name in by_name or secret is None or not secret.secret or not name.endswith("_FILE"):
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


def _unknown(name: str, by_name: Mapping[str, Variable]) -> str:
    names = [*by_name, *(f"{variable.name}_FILE" for variable in by_name.values() if variable.secret)]
    # Compared without the prefix, which would make all names similar.
    close = difflib.get_close_matches(
        name.removeprefix(PREFIX), [candidate.removeprefix(PREFIX) for candidate in names], n=1
    )
    hint = f"did you mean {PREFIX}{close[0]}?" if close else "see `haulwatch settings`"
    return f"{name}: no such setting: {hint}"


def _wrong(name: str, message: str, by_name: Mapping[str, Variable], values: Mapping[str, str]) -> str:
    fault = message.removeprefix("Value error, ")
    variable = by_name.get(name)
    if variable is None:
        return fault
    shown = "the secret given" if variable.secret else repr(_KEY.sub(r"\1…", _LOGIN.sub("//…@", values[name])))
    hint = f"unset it for the default {variable.default}" if variable.default else "unset it to go without"
    return f"{name}: {shown}: {fault}. Give {variable.unit}, or {hint}"
