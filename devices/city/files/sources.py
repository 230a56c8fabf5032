"""Where the content of a city's files comes from: a folder, or what a program gives."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from devices.bounded_files import (
    MAX_JSON_BYTES,
    MAX_YAML_BYTES,
    UnboundedFile,
    load_json,
    load_yaml_keys_once,
    read_bounded,
)
from devices.city.files.problems import WHOLE, Problems
from devices.city.files.tables import load_csv

CSV: Final = ".csv"
YAML: Final = ".yaml"
GEOJSON: Final = ".geojson"
DATUM_MEMBER: Final = "haulwatch:datum"
"""Member of a GeoJSON FeatureCollection; the property `datum` of a feature overrides it."""
MAX_ENTRIES: Final = 50_000
"""Of one file: ten times the largest city that was measured."""


class Files(Protocol):
    """The files of a city, by name."""

    def has(self, name: str) -> bool: ...

    def content(self, name: str, problems: Problems) -> Any:
        """The content of a file; None, and a fault more, where it cannot be read."""


class FolderFiles:
    """The files of a folder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def has(self, name: str) -> bool:
        return (self._directory / name).exists()

    def content(self, name: str, problems: Problems) -> Any:
        load, max_bytes = _LOADERS[Path(name).suffix]
        try:
            content = load(read_bounded(self._directory / name, max_bytes, "remove what is no part of the city"))
        except OSError as exc:
            problems.add_unreadable(name, WHOLE, _unread(exc))
            return None
        except UnboundedFile as exc:
            problems.add_unreadable(name, WHOLE, str(exc), exc.line)
            return None
        entries = content.get("features") if isinstance(content, dict) else content
        if isinstance(entries, list) and len(entries) > MAX_ENTRIES:
            many = f"has {len(entries):,} entries, more than {MAX_ENTRIES:,}: remove what is no part of the city"
            problems.add_unreadable(name, WHOLE, many)
            return None
        if content is None:
            problems.add_unreadable(name, WHOLE, "empty: write the entries, or `[]` for none")
        return content


class GivenFiles:
    """Contents that a program has already, by the names of files."""

    def __init__(self, contents: Mapping[str, Any]) -> None:
        self._contents = contents

    def has(self, name: str) -> bool:
        return name in self._contents

    def content(self, name: str, problems: Problems) -> Any:
        if name not in self._contents:
            problems.add_unreadable(name, WHOLE, "missing")
            return None
        return self._contents[name]


_LOADERS: Final[Mapping[str, tuple[Callable[[bytes], Any], int]]] = {
    YAML: (load_yaml_keys_once, MAX_YAML_BYTES),
    CSV: (load_csv, MAX_YAML_BYTES),
    GEOJSON: (load_json, MAX_JSON_BYTES),
}


def _unread(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "missing: every city has it (a list may be empty: docs/city.md)"
    return f"cannot be read: {error.strerror}: give this user access to it"
