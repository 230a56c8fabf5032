"""Files that people give us, read within bounds: no file, however made, takes all memory.

UnboundedFile    the file is beyond a bound, or not of its format; says what to do
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

MIB: Final = 1_048_576
MAX_YAML_BYTES: Final = 16 * MIB
"""Some 60,000 devices. PyYAML needs a minute and 1.5 GB for it."""
MAX_JSON_BYTES: Final = 128 * MIB
"""GeoJSON with two million positions."""
_MAX_FAULTS: Final = 20
"""That are named of one file."""
_MAX_DEPTH: Final = 8
_MAX_PARTS: Final = 1_000
"""Keys and values of the settings of one terminal; some hundred of them are its items."""
_MAX_PART_CHARS: Final = 1_000
_MAX_EXACT: Final = 2**53
"""JSON keeps no larger whole number."""
_TOO_DEEP: Final = "is nested too deeply: write it flat, as the documentation shows"
_TOO_DEEP_ZH: Final = "嵌套过深：请按文档示例平铺书写"


Model = TypeVar("Model", bound=BaseModel)
Fault = Callable[[tuple[int | str, ...], str], str]
"""Words for a fault, by where it stands in a file and what pydantic says."""


class UnboundedFile(ValueError):
    """The file is beyond a bound, or not of its format. The message names no file: its caller knows which it is."""

    def __init__(self, message: str, zh: str, line: int | None = None) -> None:
        """`zh`: the same in Chinese; `line`: from 1, where the format names it."""
        super().__init__(message)
        self.zh = zh
        self.line = line


def read_bounded(path: Path, max_bytes: int, split: str) -> bytes:
    """The bytes of a file. `split` says what to do about a larger one. Raises UnboundedFile, OSError."""
    with path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise UnboundedFile(f"is larger than {max_bytes // MIB} MiB: {split}", f"超过{max_bytes // MIB} MiB")
    return content


def read_yaml_model(path: Path, model: type[Model], error: type[Exception], fault: Fault) -> Model:
    """A YAML file of at most a MiB, checked by `model`. An empty one is that of all defaults.

    Raises `error`, which names the file and each fault, and OSError.
    """
    try:
        content = load_yaml_keys_once(read_bounded(path, MIB, "remove what is no part of it"))
    except UnboundedFile as exc:
        raise error(f"{path.name}: {exc}") from exc
    try:
        return model.model_validate({} if content is None else content)
    except ValidationError as exc:
        faults = [f"{path.name}: {fault(tuple(one['loc']), one['msg'])}" for one in exc.errors()[:_MAX_FAULTS]]
        raise error("\n".join(faults)) from exc


def load_yaml_keys_once(content: bytes) -> Any:
    """As `load_yaml`, and a key that is there twice is refused; for who does not look for it."""
    return load_yaml(content, _KeysOnce)


def load_yaml(content: bytes, loader: "type[_NoAliases] | None" = None) -> Any:
    """The content of a YAML file without aliases. Raises UnboundedFile."""
    try:
        return yaml.load(content, loader or _NoAliases)  # noqa: S506 - a SafeLoader
    except RecursionError:
        raise UnboundedFile(_TOO_DEEP, _TOO_DEEP_ZH) from None
    except (yaml.YAMLError, ValueError) as exc:  # ValueError: 2026-02-30, or a number of 5,000 digits
        raise UnboundedFile(f"is not YAML: {' '.join(str(exc).split())}", _not_yaml_zh(exc), _line_of(exc)) from exc


def compose_yaml(content: bytes) -> yaml.Node | None:
    """The nodes of a YAML file, which know their lines; None for an empty one. Raises UnboundedFile as `load_yaml`."""
    load_yaml(content)
    return yaml.compose(content, _NoAliases)


def load_json(content: bytes) -> Any:
    """Raises UnboundedFile."""
    try:
        return json.loads(content, object_pairs_hook=_without_twice)
    except RecursionError:
        raise UnboundedFile(_TOO_DEEP, _TOO_DEEP_ZH) from None
    except ValueError as exc:
        line = exc.lineno if isinstance(exc, json.JSONDecodeError) else None
        raise UnboundedFile(f"is not JSON: {exc}", "不是JSON格式", line) from exc


def _without_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ValueError: a name is there twice, of which JSON readers take either."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r:.60} is there twice in one object: keep one")
    return found


def _not_yaml_zh(exc: Exception) -> str:
    """Where it is, and what to look at: PyYAML has English sentences only."""
    if isinstance(exc, _AliasRefused):
        return f"不接受别名 *{exc.anchor}：请写出其值"
    mark = getattr(exc, "problem_mark", None)
    place = "" if mark is None else f"（第{mark.line + 1}行第{mark.column + 1}列）"
    return f"不是YAML格式{place}：请检查缩进、引号、冒号和括号"


def _line_of(exc: Exception) -> int | None:
    mark = getattr(exc, "problem_mark", None)
    return None if mark is None else int(mark.line) + 1


class _AliasRefused(yaml.composer.ComposerError):
    def __init__(self, anchor: str, mark: yaml.Mark) -> None:
        super().__init__(None, None, f"the alias *{anchor} is refused: write the value out", mark)
        self.anchor = anchor


class _NoAliases(yaml.SafeLoader):
    """Refuses aliases: ten lines of aliases of aliases are a value of gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            raise _AliasRefused(event.anchor, event.start_mark)
        return super().compose_node(parent, index)


class _KeysOnce(_NoAliases):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that is there twice: YAML 1.2 does, and PyYAML takes the last one."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in lines:
                fault = f"the key {key.value!r:.60} stands in line {lines[key.value]} already: keep one"
                raise yaml.constructor.ConstructorError(None, None, fault, key.start_mark)
            lines[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)


def plain_json(value: object) -> object:
    """Return a value of a file that JSON holds and that is small: bounded in depth, number and length of its parts.

    Raises ValueError.
    """
    left = _MAX_PARTS
    level: list[object] = [value]
    for _ in range(_MAX_DEPTH):
        left -= len(level)
        if left < 0 or not all(map(_is_plain, level)):
            raise ValueError("too many parts, or one that is not plain")
        level = [below for one in level for below in _below(one)]
        if not level:
            return value
    raise ValueError("nested too deeply")


def _below(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value, *value.values()] if all(isinstance(key, str) for key in value) else [b"no text"]
    return value if isinstance(value, list) else []


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_PART_CHARS
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _MAX_EXACT
    return value is None or isinstance(value, dict | list)
