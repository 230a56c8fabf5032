"""From a rule set to the rules that hold for a device at an hour."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final

from pydantic import ValidationError

from rules.catalogue import CATALOGUE
from rules.contract.rule import Rule
from rules.contract.rule_choice import RuleChoice, RulesFrom, Scope
from rules.detectors.entry import RuleEntry
from rules.rule_sets import wording
from rules.rule_sets.model import PLACES, BadRuleSet, RuleSet, RuleSetFault

MAX_COMBINATIONS: Final = 20_000
"""Of places and hours that exceptions name; each of them is checked before a rule set can hold."""
_NOT_NAMED: Final = None


class RuleSetChoice(RuleChoice):
    """A rule set that is checked: every combination of its exceptions gives rules."""

    def __init__(self, rule_set: RuleSet) -> None:
        """Raises BadRuleSet: parameters that do not agree where several exceptions hold, or too many combinations."""
        self.rule_set, self.version = rule_set, rule_set.version
        self._order = rule_set.in_order()
        self._made: dict[tuple[str, tuple[int, ...]], Rule[Any] | None] = {}
        self._faults: dict[RuleSetFault, None] = {}
        self.rules = [self._city_wide(entry) for entry in CATALOGUE]
        self._check()

    def in_force(self, scope: Scope) -> Sequence[RulesFrom]:
        covering = [index for index in self._order if self.rule_set.exceptions[index].where.covers(scope)]
        spans = {index: self.rule_set.exceptions[index].where.span() for index in covering}
        edges = {0, *(edge for span in spans.values() if span is not None for edge in (span.start_min, span.end_min))}
        day = []
        for minute in sorted(edges):
            holding = [index for index, span in spans.items() if span is None or span.covers(minute)]
            day.append(RulesFrom(minute, [self._rule(entry, holding) for entry in CATALOGUE]))
        return day

    def _city_wide(self, entry: RuleEntry[Any]) -> Rule[Any]:
        """Made also where it is off: an exception may have it on, and alerts carry its version."""
        parameters = self.rule_set.overlaid(entry.name, ()).parameters
        try:
            return entry.judgement(entry.parameters.model_validate(parameters))
        except ValidationError as exc:
            self._note(entry, (), exc)
            return entry.judgement(entry.parameters())

    def _rule(self, entry: RuleEntry[Any], holding: Sequence[int]) -> Rule[Any] | None:
        """The rule where these exceptions hold; the same object for all that have the same parameters."""
        name = entry.name
        indexes = tuple(index for index in holding if name in self.rule_set.exceptions[index].rules)
        key = (name, indexes)
        if key not in self._made:
            change = self.rule_set.overlaid(name, indexes)
            try:
                parameters = entry.parameters.model_validate(change.parameters)
            except ValidationError as exc:
                self._note(entry, indexes, exc)
                parameters = entry.parameters()
            self._made[key] = entry.judgement(parameters) if change.on else None
        return self._made[key]

    def _check(self) -> None:
        """Make the rules of every combination once, so that none is found wrong while it is judged by."""
        sizes = [len(values) for values in self._named().values()]
        count = 1
        for size in sizes:
            count *= size
        if count > MAX_COMBINATIONS:
            raise BadRuleSet([RuleSetFault(wording.too_many_combinations(count, MAX_COMBINATIONS))])
        for scope in self.scopes():
            self.in_force(scope)
        if self._faults:
            raise BadRuleSet(list(self._faults))

    def scopes(self) -> Iterator[Scope]:
        """Every combination of the places that exceptions name, and of places that none names."""
        for values in product(*self._named().values()):
            yield Scope(*values)

    def _named(self) -> Mapping[str, list[str | None]]:
        named: dict[str, dict[str | None, None]] = {place: {_NOT_NAMED: None} for place in PLACES}
        for exception in self.rule_set.exceptions:
            for place in PLACES:
                named[place] |= dict.fromkeys(getattr(exception.where, place))
        return {place: list(values) for place, values in named.items()}

    def _note(self, entry: RuleEntry[Any], indexes: Sequence[int], exc: ValidationError) -> None:
        where = [str(self.rule_set.exceptions[index].where) for index in indexes]
        for error in exc.errors():
            field = ".".join([entry.name, *map(str, error["loc"])])
            self._faults[RuleSetFault(wording.where_it_holds(wording.wrong_value(error), where), field)] = None
