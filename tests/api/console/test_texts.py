"""The texts of the console: English and Chinese, both complete, and a word for everything that the API may send."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum

import pytest

from devices.city.model import DeviceRole
from devices.city.sites import SiteKind, ZoneKind
from devices.people.model import Role
from devices.readings.models import Kind, Load
from devices.readings.refusals import Reason
from devices.readings.streams import STREAM_NAMES
from devices.readings.tickets import TicketState
from devices.sign_on.model import SignOnFailure
from ingest.judge.what_if import Effect
from ingest.judge.what_if_job import JobFault
from rules.alerts.actions import Outcome
from rules.catalogue import CATALOGUE
from rules.engine.not_judged import NotJudged
from rules.suspected_sites.model import ProposalState
from tests import ROOT

LISTS: tuple[type[StrEnum], ...] = (
    Reason, DeviceRole, Outcome, Load, Kind, SiteKind, ZoneKind, ProposalState, Role, NotJudged, JobFault, Effect,
    TicketState,
)  # fmt: skip
"""What the API names by a word of a closed list."""
_SOURCE = ROOT / "api/console/web/src"
_LINE = re.compile(r"^  (\w+): (\".*\"),$", re.MULTILINE)


def dictionary(language: str, name: str) -> dict[str, str]:
    text = (_SOURCE / "text" / f"{language}.ts").read_text(encoding="utf-8")
    block = re.search(rf"export const {name}\b.*?= \{{\n(.*?)\n\}};", text, re.DOTALL)
    assert block is not None
    return {key: ast.literal_eval(value) for key, value in _LINE.findall(block[1])}


@pytest.mark.parametrize("name", ["texts", "measures", "values"])
def test_both_languages_have_the_same_keys_and_chinese_is_chinese(name: str) -> None:
    english, chinese = dictionary("en", name), dictionary("zh", name)
    assert english.keys() == chinese.keys()
    assert len(english) > 20
    assert [key for key, text in english.items() if not text.strip()] == []
    same_in_all = {"language", "wgs84", "gcj02"}
    without = {key for key, text in chinese.items() if not re.search(r"[\u4e00-\u9fff]", text)}
    assert without <= same_in_all
    placeholders = {key: set(re.findall(r"\{\w+\}", text)) for key, text in english.items()}
    assert {key: set(re.findall(r"\{\w+\}", text)) for key, text in chinese.items()} == placeholders


@pytest.mark.parametrize("members", LISTS)
def test_every_word_of_a_closed_list_has_a_text(members: type[StrEnum]) -> None:
    keys = dictionary("zh", "texts").keys() | dictionary("zh", "values").keys()
    assert {str(member) for member in members} <= keys


def test_every_failure_to_sign_on_has_a_text() -> None:
    source = (_SOURCE / "state" / "session.ts").read_text(encoding="utf-8")
    block = re.search(r"const WHY: .*?= \{\n(.*?)\n\};", source, re.DOTALL)
    assert block is not None
    found = dict(re.findall(r'^  "?([a-z-]+)"?: "(\w+)",$', block[1], re.MULTILINE))
    assert found.keys() == {str(failure) for failure in SignOnFailure}
    assert set(found.values()) <= dictionary("en", "texts").keys()
    assert len(set(found.values())) == len(found)


def test_every_stream_has_its_name_in_both_languages() -> None:
    english, chinese = dictionary("en", "texts"), dictionary("zh", "texts")
    assert {word: (english[word], chinese[word]) for word in STREAM_NAMES} == {
        word: (name.en, name.zh) for word, name in STREAM_NAMES.items()
    }


_UNIT = re.compile(r"_(?:s|m|kg|pct|kmh|c)$")


def measures_in_rules() -> Iterator[str]:
    """Names that rules give their figures, as the source has them: keys of what is called measures, and every key that
    ends with a unit, but for parameters.
    """
    parameters = {name for entry in CATALOGUE for name in entry.parameters.model_fields}
    for path in (ROOT / "rules/detectors").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from (key for key in _keys(tree) if _UNIT.search(key) and key not in parameters)
        for node in ast.walk(tree):
            match node:
                case (
                    ast.keyword(arg="measures", value=value)
                    | ast.AnnAssign(target=ast.Name(id="measures"), value=value)
                ):
                    yield from _keys(value)
                case ast.Assign(targets=[ast.Name(id="measures")], value=value):
                    yield from _keys(value)
                case ast.AugAssign(target=ast.Name(id="measures") | ast.Attribute(attr="measures"), value=value):
                    yield from _keys(value)
                case ast.FunctionDef(name=name) if "measures" in name:
                    yield from _keys(node)


def _keys(node: ast.AST | None) -> Iterator[str]:
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, ast.Dict):
            yield from (key.value for key in part.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def test_every_measure_of_a_rule_has_a_name_in_both_languages() -> None:
    found = set(measures_in_rules())
    assert len(found) > 80
    assert found - dictionary("zh", "measures").keys() == set()


def test_every_parameter_of_a_rule_has_a_chinese_name() -> None:
    text = (_SOURCE / "text" / "parameters.ts").read_text(encoding="utf-8")
    names = dict(re.findall(r"(\w+): \"([^\"]+)\"", text))
    assert names.keys() == {name for entry in CATALOGUE for name in entry.parameters.model_fields}
    assert [name for name, chinese in names.items() if not re.search(r"[\u4e00-\u9fff]", chinese)] == []


def test_no_text_is_left_over() -> None:
    """A text that nobody asks for belongs to a screen that is gone."""
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in _SOURCE.rglob("*.ts*") if path.parent.name != "text"
    )
    words = {str(member) for members in LISTS for member in members}
    words |= set(STREAM_NAMES) | {"moving", "standing", "silent", "unknown"}
    layers = {f"layer{name}" for name in re.findall(r'"(\w+)"', re.search(r"LAYERS = \[(.*?)\]", source)[1])}  # type: ignore[index]
    left = set(dictionary("en", "texts")) - set(re.findall(r"\w+", source)) - words - layers
    assert left == set()
