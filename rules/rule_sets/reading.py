"""Reads a rule set from YAML, and finds all faults of it at once, each with its line, its key and what to do.

speeding: {limit_kmh: 90}
station_backlog: off
exceptions:
- where: {district: urban, hours: "22:00-06:00"}
why: nobody sleeps there
rules:
stopped_loaded: {hold_s: 300}
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml
from pydantic import ValidationError

from devices.bounded_files import MIB, UnboundedFile, compose_yaml
from devices.city.hours import hours_of_day
from devices.city.model import VehicleKind
from devices.city.sites import SiteKind
from rules.alerts.model import Text
from rules.catalogue import entry_of, rule_names
from rules.detectors.entry import RuleEntry
from rules.rule_sets import wording
from rules.rule_sets.model import PLACES, BadRuleSet, Change, RuleException, RuleSet, RuleSetFault, Where

EXCEPTIONS: Final = "exceptions"
MAX_BYTES: Final = MIB
MAX_EXCEPTIONS: Final = 200
_KINDS: Final[Mapping[str, Sequence[str]]] = {
    "vehicle_kind": tuple(map(str, VehicleKind)),
    "site_kind": tuple(map(str, SiteKind)),
}


def read_rule_set(content: bytes, name: str) -> RuleSet:
    """The rule set in a YAML file; `name` stands in the faults. Raises BadRuleSet.

    Whether parameters agree where several exceptions hold is found by `rules.rule_sets.choice`.
    """
    if len(content) > MAX_BYTES:
        raise BadRuleSet([RuleSetFault(wording.TOO_LARGE, file=name)])
    try:
        root = compose_yaml(content)
    except UnboundedFile as exc:
        raise BadRuleSet([RuleSetFault(wording.not_yaml(exc), line=exc.line, file=name)]) from exc
    reader = _Reader(name)
    found = reader.rule_set(root) if root is not None else RuleSet()
    if reader.faults:
        raise BadRuleSet(reader.faults)
    return found


class _Reader:
    """Walks through the nodes of one file and notes faults."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.faults: list[RuleSetFault] = []

    def rule_set(self, root: yaml.Node) -> RuleSet:
        top = self._mapping(root, "", wording.WRITE_RULES)
        exceptions = top.pop(EXCEPTIONS, None)
        city_wide = self._changes(top, "", None)
        found: list[RuleException] = []
        if exceptions is not None:
            nodes = self._sequence(exceptions[1], EXCEPTIONS)
            if len(nodes) > MAX_EXCEPTIONS:
                self._fault(exceptions[0], EXCEPTIONS, wording.too_many(len(nodes), MAX_EXCEPTIONS))
            else:
                found = [self._exception(node, f"{EXCEPTIONS}[{n}]") for n, node in enumerate(nodes, 1)]
        return RuleSet(city_wide, tuple(found))

    def _exception(self, node: yaml.Node, path: str) -> RuleException:
        parts = self._mapping(node, path, wording.WRITE_EXCEPTION)
        self._only(parts, ("where", "rules", "why"), path)
        where, rules, why = Where(), dict[str, Change](), ""
        for wanted in ("where", "rules"):
            if wanted not in parts:
                self._fault(node, path, wording.missing(wanted))
        if "where" in parts:
            where = self._where(parts["where"][1], f"{path}.where")
        if "rules" in parts:
            nodes = self._mapping(parts["rules"][1], f"{path}.rules", wording.WRITE_CHANGES)
            rules = self._changes(nodes, f"{path}.rules.", where)
        if "why" in parts:
            why = self._text(parts["why"][1], f"{path}.why")
        return RuleException(where, rules, why)

    def _where(self, node: yaml.Node, path: str) -> Where:
        parts = self._mapping(node, path, wording.write_conditions(PLACES))
        self._only(parts, (*PLACES, "hours"), path)
        if not parts:
            self._fault(node, path, wording.NO_CONDITION)
        places = {place: self._values(place, *parts[place], path) for place in PLACES if place in parts}
        hours = ""
        if "hours" in parts:
            hours = self._text(parts["hours"][1], f"{path}.hours")
            try:
                hours_of_day(hours)
            except ValueError:
                self._fault(parts["hours"][0], f"{path}.hours", wording.WRITE_HOURS)
        return Where(**places, hours=hours)

    def _values(self, place: str, key: yaml.Node, node: yaml.Node, path: str) -> tuple[str, ...]:
        """One value or several."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        values = tuple(self._text(each, f"{path}.{place}") for each in nodes)
        if not values:
            self._fault(key, f"{path}.{place}", wording.EMPTY)
        for value in values:
            if place in _KINDS and value not in _KINDS[place]:
                self._fault(key, f"{path}.{place}", wording.no_such(value, _KINDS[place]))
        return values

    def _changes(
        self, nodes: Mapping[str, tuple[yaml.Node, yaml.Node]], prefix: str, where: Where | None
    ) -> dict[str, Change]:
        """`where`: of an exception; None: for the whole city."""
        found: dict[str, Change] = {}
        for name, (key, node) in nodes.items():
            entry = entry_of(name)
            if entry is None:
                others = rule_names() if where is not None else (*rule_names(), EXCEPTIONS)
                self._fault(key, f"{prefix}{name}", wording.no_rule(name, others))
                continue
            value = _value(node)
            if value is None:
                continue  # no parameter differs
            if isinstance(value, bool):
                found[name] = Change(on=value)
                if where is not None and where.hours:
                    self._fault(key, f"{prefix}{name}", wording.NOT_BY_THE_HOUR)
            elif isinstance(value, dict) and isinstance(node, yaml.MappingNode):
                self._parameters(node, entry, f"{prefix}{name}", where)
                found[name] = Change({str(parameter): given for parameter, given in value.items()})
            else:
                self._fault(key, f"{prefix}{name}", wording.write_parameters(value))
        return found

    def _parameters(self, node: yaml.MappingNode, entry: RuleEntry[Any], path: str, where: Where | None) -> None:
        """Note the faults of each parameter alone: whether they agree depends on what else holds."""
        parts = self._mapping(node, path, wording.WRITE_CHANGES)
        model = entry.parameters
        for name, (key, value_node) in parts.items():
            if name not in model.model_fields:
                self._fault(key, f"{path}.{name}", wording.no_parameter(name, tuple(model.model_fields)))
                continue
            if (why := _not_here(entry, name, where)) is not None:
                self._fault(key, f"{path}.{name}", why)
            value = _value(value_node)
            try:
                model.model_validate({name: value})
            except ValidationError as exc:
                for error in exc.errors():
                    if error["loc"]:  # else of several parameters together
                        self._fault(key, f"{path}.{name}", wording.found_instead(wording.wrong_value(error), value))

    def _mapping(self, node: yaml.Node, path: str, write: Text) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Key and value nodes by key."""
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, path, write)
            return {}
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in found:
                first = found[name][0].start_mark.line + 1
                self._fault(key, f"{path}.{name}".lstrip("."), wording.stands_already(first))
            found[name] = (key, value)
        return found

    def _sequence(self, node: yaml.Node, path: str) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        self._fault(node, path, wording.WRITE_LIST)
        return []

    def _text(self, node: yaml.Node, path: str) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self._fault(node, path, wording.WRITE_TEXT)
        return ""

    def _only(self, parts: Mapping[str, tuple[yaml.Node, yaml.Node]], names: Sequence[str], path: str) -> None:
        for name, (key, _) in parts.items():
            if name not in names:
                self._fault(key, f"{path}.{name}", wording.no_such(name, names))

    def _fault(self, node: yaml.Node, path: str, text: Text) -> None:
        self.faults.append(RuleSetFault(text, path, node.start_mark.line + 1, self._name))


def _value(node: yaml.Node) -> Any:
    """The value of a node without aliases."""
    constructor = yaml.SafeLoader("")
    try:
        return constructor.construct_document(node)
    finally:
        constructor.dispose()


def _not_here(entry: RuleEntry[Any], name: str, where: Where | None) -> Text | None:
    """Why the parameter cannot be set in such an exception; None if it can."""
    if where is None:
        return None
    if name in entry.parameters.city_wide:
        return wording.CITY_WIDE
    if where.hours and entry.is_untimed:
        return wording.UNTIMED
    return None
