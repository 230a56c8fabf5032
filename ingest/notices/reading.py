"""Reads notice rules from YAML, and finds their faults, each with its line, its key and what to do.

All faults of form are found at once, and where there are none, all names that nothing has.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from devices.bounded_files import MIB, UnboundedFile, compose_yaml, load_yaml
from devices.errors import OperatorError
from devices.spelling import did_you_mean
from ingest.notices.channels import CHANNEL_KINDS
from ingest.notices.model import Alerts, Contact, DutyLine, NoticeRule, NoticeRules, Step, Tell, unresolved
from rules.catalogue import rule_names

MAX_BYTES: Final = MIB
_KEYS: Final[Mapping[str, type[BaseModel]]] = {
    "": NoticeRules,
    "people": Contact,
    "duty": DutyLine,
    "rules": NoticeRule,
    "alerts": Alerts,
    "steps": Step,
    "tell": Tell,
}
"""By the key that a part stands under."""


class BadNoticeRules(OperatorError):
    """Notice rules that cannot hold; the message has a line for each fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def read_notice_rules(content: bytes, name: str) -> NoticeRules:
    """The notice rules in a YAML file; `name` stands in the faults. Raises BadNoticeRules."""
    if len(content) > MAX_BYTES:
        raise BadNoticeRules([f"{name}: is larger than 1 MiB: keep people and rules of one city in it"])
    try:
        root, value = compose_yaml(content), load_yaml(content)
    except UnboundedFile as exc:
        raise BadNoticeRules([f"{name}: {exc}"]) from exc
    if root is None:
        return NoticeRules()
    faults = _Faults(name, root)
    faults.note_repeated_keys(root, "")
    try:
        found = NoticeRules.model_validate(value)
    except ValidationError as exc:
        for error in exc.errors(include_url=False):
            faults.note(error["loc"], _text(error))
        raise BadNoticeRules(faults.lines) from exc
    for place, text in (*_unknown_rules(found), *unresolved(found)):
        faults.note(place, text)
    if faults.lines:
        raise BadNoticeRules(faults.lines)
    return found


def _unknown_rules(found: NoticeRules) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, rule in enumerate(found.rules):
        for wanted in rule.alerts.rule:
            if wanted not in rule_names():
                hint = did_you_mean(wanted, rule_names()) or f"there are {', '.join(rule_names())}"
                yield ("rules", index, "alerts", "rule"), f"no such rule {wanted!r}: {hint}"


class _Faults:
    """The faults of one file, as lines."""

    def __init__(self, name: str, root: yaml.Node) -> None:
        self._name, self._root = name, root
        self.lines: list[str] = []

    def note(self, place: Sequence[str | int], text: str) -> None:
        """Note a fault at a place: keys, and numbers from 0 in lists."""
        node, path = self._root, ""
        for part in place:
            child = _child(node, part)
            if child is None:
                if isinstance(part, str) and part not in CHANNEL_KINDS:  # a kind of channel is a step of the model only
                    path = f"{path}.{part}".lstrip(".")
                continue
            node = child
            path = f"{path}[{part + 1}]" if isinstance(part, int) else f"{path}.{part}".lstrip(".")
        self._add(node, path, text)

    def note_repeated_keys(self, node: yaml.Node, path: str) -> None:
        if isinstance(node, yaml.SequenceNode):
            for number, child in enumerate(node.value, 1):
                self.note_repeated_keys(child, f"{path}[{number}]")
        if not isinstance(node, yaml.MappingNode):
            return
        lines: dict[str, int] = {}
        for key, child in node.value:
            here = f"{path}.{key.value}".lstrip(".")
            if key.value in lines:
                self._add(key, here, f"stands in line {lines[key.value]} already: write it once")
            lines[key.value] = key.start_mark.line + 1
            self.note_repeated_keys(child, here)

    def _add(self, node: yaml.Node, path: str, text: str) -> None:
        self.lines.append(f"{self._name}:{node.start_mark.line + 1}: {f'{path}: ' if path else ''}{text}")


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if str(key.value) == str(part):
                # A scalar stands in the line of its key; a block begins below it.
                return value if not isinstance(value, yaml.ScalarNode) else _at(value, key)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    return None


def _at(value: yaml.Node, key: yaml.Node) -> yaml.Node:
    value.start_mark = key.start_mark
    return value


def _text(error: Any) -> str:
    """What is wrong and what to do, without the value where it may be a secret."""
    place = [part for part in error["loc"] if isinstance(part, str)]
    match error["type"]:
        case "extra_forbidden":
            fields = _fields_around(place)
            return f"no such key: {did_you_mean(place[-1], fields) or 'there are ' + ', '.join(fields)}"
        case "missing":
            return "is missing: write it"
        case "union_tag_not_found" | "union_tag_invalid":
            return f"write `kind`: one of {', '.join(CHANNEL_KINDS)}"
        case "string_pattern_mismatch" if place and place[-1] in {
            "key",
            "sign",
            "access_token",
            "hook",
            "password",
            "url",
        }:
            return "write the name of a secret, of A-Z 0-9 _, never the secret itself: docs/notices.md"
    return str(error["msg"]).removeprefix("Value error, ")


def _fields_around(place: Sequence[str]) -> tuple[str, ...]:
    """The keys of the part in which the last key of a place stands."""
    for part in reversed(["", *place[:-1]]):
        if part in CHANNEL_KINDS and place[0] == "channels":
            return tuple(CHANNEL_KINDS[part].model_fields)
        if part in _KEYS:
            return tuple(_KEYS[part].model_fields)
    return ()
