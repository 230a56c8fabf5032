"""Lines of the faults of a city's files. A file is looked at a second time only if it has a fault."""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import yaml

from devices.bounded_files import MAX_JSON_BYTES, MAX_YAML_BYTES, UnboundedFile, compose_yaml, read_bounded
from devices.city.files.problems import WHOLE, Fault
from devices.city.files.sources import CSV, GEOJSON
from devices.city.files.tables import LINE, load_csv

_SPACE: Final = re.compile(r"\s*")


class _Lines:
    """Lines of one file: of its entries, and of the fields in them."""

    def of(self, number: int | None, field: str) -> int | None:
        """The line of a field; of its entry where the entry lacks it; `number`: of the entry, None: the file itself."""
        raise NotImplementedError


def with_lines(directory: Path, faults: Sequence[Fault]) -> list[Fault]:
    """The faults with the lines of the folder's files, in the order of files and lines."""
    lines: dict[str, _Lines | None] = {}
    found = []
    for fault in faults:
        file = fault.where.file
        if file not in lines:
            lines[file] = _lines_of(directory / file)
        places = lines[file]
        if fault.line is None and fault.field != WHOLE and places is not None:
            fault = replace(fault, line=places.of(fault.where.number, fault.field))  # noqa: PLW2901
        found.append(fault)
    order = {file: index for index, file in enumerate(lines)}
    return sorted(found, key=lambda fault: (order[fault.where.file], fault.line or 0))


def _lines_of(path: Path) -> _Lines | None:
    """None for a file that cannot be read: its fault says so."""
    try:
        if path.suffix == GEOJSON:
            content = read_bounded(path, MAX_JSON_BYTES, "")
            return _JsonLines(content.decode(json.detect_encoding(content)))
        content = read_bounded(path, MAX_YAML_BYTES, "")
        return _CsvLines(load_csv(content)) if path.suffix == CSV else _YamlLines(compose_yaml(content))
    except (OSError, UnboundedFile, ValueError, RecursionError):
        return None


class _CsvLines(_Lines):
    def __init__(self, rows: Sequence[Mapping[str, object]]) -> None:
        self._lines = [int(str(row[LINE])) for row in rows]

    def of(self, number: int | None, field: str) -> int | None:
        return 1 if number is None else self._lines[number]


class _YamlLines(_Lines):
    def __init__(self, root: yaml.Node | None) -> None:
        self._root = root

    def of(self, number: int | None, field: str) -> int | None:
        node = self._root
        if number is not None and isinstance(node, yaml.SequenceNode):
            node = node.value[number]
        if node is None:
            return None
        line = node.start_mark.line
        for step in field.split("."):
            below = _below(node, step)
            if below is None:
                break
            at, node = below
            line = at.start_mark.line
        return int(line) + 1


def _below(node: yaml.Node, step: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Where the value of a key of a mapping, or an element of a list, begins, and the value."""
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        return node.value[int(step)], node.value[int(step)]
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if getattr(key, "value", None) == step:
            return key, value
    return None


class _JsonLines(_Lines):
    """Of GeoJSON: where each feature begins and ends. A field is looked for in the text of its feature."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans = list(_features(text))
        self._ends = [found.start() for found in re.finditer("\n", text)]

    def of(self, number: int | None, field: str) -> int | None:
        if number is None or number >= len(self._spans):
            return 1
        start, end = self._spans[number]
        key = re.compile(rf'"{re.escape(field.split(".", maxsplit=1)[0])}"\s*:').search(self._text, start, end)
        return bisect_left(self._ends, start if key is None else key.start()) + 1


def _features(text: str) -> Iterator[tuple[int, int]]:
    """Where the features of a collection begin and end. Raises ValueError: the text is no JSON."""
    decoder = json.JSONDecoder()
    at = _after(text, 0, "{")
    while text[at : at + 1] == '"':
        key, at = decoder.raw_decode(text, at)
        at = _after(text, at, ":")
        if key == "features" and text[at : at + 1] == "[":
            at = _after(text, at, "[")
            while text[at : at + 1] not in {"]", ""}:
                start = at
                _, at = decoder.raw_decode(text, at)
                yield start, at
                at = _after(text, at, ",")
            return
        _, at = decoder.raw_decode(text, at)
        at = _after(text, at, ",")


def _after(text: str, at: int, sign: str) -> int:
    """The place of what follows a sign, if it is there, and space around it."""
    at = _end_of_space(text, at)
    return _end_of_space(text, at + 1) if text.startswith(sign, at) else at


def _end_of_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
