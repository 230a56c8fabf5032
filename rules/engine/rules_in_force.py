"""The rules in force for devices of one role and one scope, sorted by the questions that they answer."""

from bisect import bisect
from collections.abc import Callable, Sequence
from typing import Any, Final

from devices.city.model import City, DeviceRole
from rules.contract.rule import Rule
from rules.contract.rule_choice import RulesFrom
from rules.contract.verdicts import Verdict


class IndexedRule:
    """A rule and the index of its state in `DeviceState.rule_states`; looked at for every reading."""

    __slots__ = ("asks_calendar", "judge", "judges_silence", "rule", "state_index")

    def __init__(self, state_index: int, rule: Rule[Any]) -> None:
        self.state_index: Final = state_index
        self.rule: Final = rule
        self.judge: Final[Callable[[Any, Any], Sequence[Verdict]]] = rule.judge
        self.judges_silence: Final = rule.judges_silence
        self.asks_calendar: Final = rule.asks_calendar


class ReadingRules:
    """The rules that judge readings, in the order of the catalogue."""

    __slots__ = ("all", "ordered", "unordered")

    def __init__(self, rules: Sequence[IndexedRule]) -> None:
        self.all: Final = list(rules)
        self.ordered: Final = [indexed for indexed in rules if indexed.rule.ordered]
        self.unordered: Final = [indexed for indexed in rules if not indexed.rule.ordered]

    def asked(self, *, doubtful: bool, again: bool = False) -> list[IndexedRule]:
        """Those that judge a reading in order, `again` if they did before; `doubtful`: no calendar can be asked."""
        asked = self.ordered if again else self.all
        return _without_calendar(asked) if doubtful else asked

    def beside_order(self, *, doubtful: bool) -> list[IndexedRule]:
        """Those that take a reading when it comes, and not in order."""
        return _without_calendar(self.unordered) if doubtful else self.unordered


class RulesInForce:
    """The rules of one role and scope. What judges silence and clocks does not change in the course of a day."""

    __slots__ = ("_by_time", "_minutes", "clock", "is_constant", "off", "silence")

    def __init__(self, role: DeviceRole | None, day: Sequence[RulesFrom], names: Sequence[str]) -> None:
        """`role`: None for a device that the city does not know: rules that judge readings are not asked about it.

        `names`: of all rules, in the order of those of `day`.
        """
        by_time = [_indexed(part.rules) for part in day]
        self._minutes: Final = [part.minute for part in day]
        self._by_time: Final = [
            ReadingRules([one for one in rules if role in one.rule.roles and one.rule.judges_readings])
            for rules in by_time
        ]
        self.is_constant: Final = len(day) == 1
        self.silence: Final = [one for one in by_time[0] if one.judges_silence]
        self.clock: Final = [one for one in by_time[0] if one.rule.judges_clocks]
        self.off: Final = {index: names[index] for index, rule in enumerate(day[0].rules) if rule is None}
        """Names of the rules that are off, by index."""

    def at(self, ts: int, city: City) -> ReadingRules:
        """The rules that judge a reading of device time `ts`, ms."""
        if self.is_constant:
            return self._by_time[0]
        return self._by_time[bisect(self._minutes, city.minute_of_day(ts)) - 1]


def _without_calendar(rules: Sequence[IndexedRule]) -> list[IndexedRule]:
    return [indexed for indexed in rules if not indexed.asks_calendar]


def _indexed(rules: Sequence[Rule[Any] | None]) -> list[IndexedRule]:
    return [IndexedRule(index, rule) for index, rule in enumerate(rules) if rule is not None]
