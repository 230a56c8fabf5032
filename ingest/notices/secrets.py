"""Secrets that notice rules name: from the environment, `HAULWATCH_SECRET_<NAME>`, or from the file in `…_FILE`.

Rules hold names only, so that they can be shown, compared and kept in the registry.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

PREFIX: Final = "HAULWATCH_SECRET_"
MAX_BYTES: Final = 4_096

Secrets = Callable[[str], SecretStr]
"""The secret of a name. Raises SecretMissing."""


class SecretMissing(Exception):
    """A secret is not set, or its file cannot be read. The message names the variable and shows no secret."""


def secrets_of(environment: Mapping[str, str]) -> Secrets:
    """Secrets as they stand in an environment. A file is read at each call, so that a secret can be changed."""

    def secret(name: str) -> SecretStr:
        variable = PREFIX + name
        value, path = environment.get(variable, ""), environment.get(f"{variable}_FILE", "")
        if value and path:
            raise SecretMissing(f"{variable} and {variable}_FILE are both set: keep one")
        if path:
            value = _read(variable, Path(path))
        if not value:
            raise SecretMissing(f"{variable} is not set: set it, or {variable}_FILE, for `haulwatch serve`")
        return SecretStr(value)

    return secret


def environment_secrets() -> Secrets:
    """Those of this process."""
    return secrets_of(os.environ)


def _read(variable: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise SecretMissing(f"{variable}_FILE: cannot read {path}: {why}") from exc
