"""Files that people give us, read within bounds: no file, however made, takes all memory.

UnboundedFile    the file is beyond a bound, or not of its format; says what to do
"""

import json
from pathlib import Path
from typing import Any, Final

import yaml

MIB: Final = 1_048_576
MAX_YAML_BYTES: Final = 16 * MIB
"""Some 60,000 devices. PyYAML needs a minute and 1.5 GB for it."""
MAX_JSON_BYTES: Final = 128 * MIB
"""GeoJSON with two million positions."""


class UnboundedFile(ValueError):
    """The file is beyond a bound, or not of its format. The message names no file: its caller knows which it is."""

    def __init__(self, message: str, line: int | None = None) -> None:
        """`line`: from 1, where the format names it."""
        super().__init__(message)
        self.line = line


def read_bounded(path: Path, max_bytes: int, split: str) -> bytes:
    """The bytes of a file. `split` says what to do about a larger one. Raises UnboundedFile, OSError."""
    with path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise UnboundedFile(f"is larger than {max_bytes // MIB} MiB: {split}")
    return content


def load_yaml(content: bytes) -> Any:
    """The content of a YAML file without aliases. Raises UnboundedFile."""
    try:
        return yaml.load(content, _NoAliases)  # noqa: S506 - a SafeLoader
    except RecursionError:
        raise UnboundedFile("is nested too deeply: write it flat, as the documentation shows") from None
    except (yaml.YAMLError, ValueError) as exc:  # ValueError: 2026-02-30, or a number of 5,000 digits
        raise UnboundedFile(f"is not YAML: {' '.join(str(exc).split())}", _line_of(exc)) from exc


def compose_yaml(content: bytes) -> yaml.Node | None:
    """The nodes of a YAML file, which know their lines; None for an empty one. Raises UnboundedFile as `load_yaml`."""
    load_yaml(content)
    return yaml.compose(content, _NoAliases)


def load_json(content: bytes) -> Any:
    """Raises UnboundedFile."""
    try:
        return json.loads(content)
    except RecursionError:
        raise UnboundedFile("is nested too deeply: write it flat, as the documentation shows") from None
    except ValueError as exc:
        raise UnboundedFile(f"is not JSON: {exc}") from exc


def _line_of(exc: Exception) -> int | None:
    mark = getattr(exc, "problem_mark", None)
    return None if mark is None else int(mark.line) + 1


class _NoAliases(yaml.SafeLoader):
    """Refuses aliases: ten lines of aliases of aliases are a value of gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, f"the alias *{event.anchor} is refused: write the value out", event.start_mark
            )
        return super().compose_node(parent, index)
