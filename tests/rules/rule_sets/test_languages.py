"""What people read about parameters and about faults of rule sets is there in both languages, both complete."""

import math
import re
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from devices.cities import JINCHENG
from devices.city.files import read_city
from rules.alerts.model import Text
from rules.catalogue import CATALOGUE
from rules.rule_sets import wording
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet
from rules.rule_sets.places import unknown_places
from rules.rule_sets.reading import read_rule_set
from tests.rules.rule_sets.test_reading import FAULTS, REFUSED

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_LITERAL = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"")
_ENGLISH = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")
"""Two words in a row: names, units and what the file itself has stand alone."""
_SEVERITY = re.compile(r"P[1-4]")


def english_left(text: Text) -> bool:
    """Whether the Chinese is missing, or has a piece of an English sentence."""
    return not _CHINESE.search(text.zh) or _ENGLISH.search(_LITERAL.sub("", text.zh)) is not None


MEANINGS = {
    f"{entry.name}.{name}": entry.meaning(name) for entry in CATALOGUE for name in entry.parameters.model_fields
}


def test_the_meaning_of_every_parameter_is_there_in_both_languages() -> None:
    assert len(MEANINGS) > 250
    assert [name for name, text in MEANINGS.items() if english_left(text)] == []
    assert [name for name, text in MEANINGS.items() if not text.en or _CHINESE.search(text.en)] == []


def test_both_languages_name_the_same_parameters_and_severities() -> None:
    for pattern in (_LITERAL, _SEVERITY):
        in_english = {name: sorted(set(pattern.findall(text.en))) for name, text in MEANINGS.items()}
        assert {name: sorted(set(pattern.findall(text.zh))) for name, text in MEANINGS.items()} == in_english


def faults(content: str) -> list[Text]:
    try:
        RuleSetChoice(read_rule_set(content.encode(), "rules.yaml"))
    except BadRuleSet as exc:
        return [one.hint for one in exc.found]
    return []


@pytest.mark.parametrize("content", [FAULTS, *REFUSED])
def test_every_fault_of_a_rule_set_is_there_in_both_languages(content: str) -> None:
    found = faults(content)
    assert found
    assert [text for text in found if english_left(text)] == []


def test_parameters_that_do_not_agree_are_named_in_both_languages() -> None:
    where = "exceptions: [{where: {district: urban}, rules: {route_deviation: {leave_m: 70}}}]"
    assert faults(where) == [
        Text(
            en="leave_m (70) must be above 0 and below enter_m (60), or left out, where `district urban` holds",
            zh="leave_m (70) 须大于0且小于 enter_m (60)，或不填（在 `district urban` 适用之处）",
        )
    ]


def test_a_place_that_the_city_has_not_is_named_in_both_languages() -> None:
    content = "exceptions: [{where: {district: zezho, fleet: nobody}, rules: {speeding: {limit_kmh: 60}}}]"
    found = list(unknown_places(read_rule_set(content.encode(), ""), read_city(JINCHENG)))
    assert len(found) == 2
    assert [text for text in found if english_left(text)] == []


WRONG: tuple[object, ...] = (
    None, "fast", "", [], {}, [["nothing"]], [[7]], ["a"], -1e12, 1e12, 1.5, math.nan, math.inf, 10**30, "9" * 5_000,
)  # fmt: skip


def refusals() -> Iterator[tuple[str, Text]]:
    """What is said of wrong values of every parameter, with the type of the error."""
    for entry in CATALOGUE:
        for name in entry.parameters.model_fields:
            for value in WRONG:
                try:
                    entry.parameters.model_validate({name: value})
                except ValidationError as exc:
                    yield from ((error["type"], wording.wrong_value(error)) for error in exc.errors())


def test_what_is_wrong_with_a_value_is_there_in_both_languages() -> None:
    found = dict(refusals())
    assert len(found) > 8
    assert {kind: text for kind, text in refusals() if english_left(text)} == {}
