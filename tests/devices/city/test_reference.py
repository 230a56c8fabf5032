"""The reference of a city's files: docs/city.md says what the models say, and each field says what to write."""

import re

import pytest
import yaml

from devices.cities import JINCHENG
from devices.city.files import reference
from devices.city.files.fields import Row, write_of
from tests import ROOT

DOCUMENT = (ROOT / "docs" / "city.md").read_text(encoding="utf-8")


def test_the_document_holds_the_tables_of_the_models() -> None:
    written = re.search(r"<!-- written by: haulwatch city fields -->\n(.*)<!-- end -->", DOCUMENT, re.DOTALL)
    assert written is not None
    assert written[1] == reference.as_markdown(), "run `haulwatch city fields` and put its output between the marks"


@pytest.mark.parametrize(("file", "model"), reference.FILES)
def test_every_field_says_what_to_write_and_what_it_means(file: str, model: type[Row]) -> None:
    for name, info in model.model_fields.items():
        assert write_of(model, name), f"{file}: {name}"
        assert info.description is not None
        assert info.description.endswith("."), f"{file}: {name}"


@pytest.mark.parametrize(
    ("file", "model"), [each for each in reference.FILES if each[0].endswith(".yaml") and (JINCHENG / each[0]).exists()]
)
def test_every_field_of_the_example_city_is_in_the_tables(file: str, model: type[Row]) -> None:
    content = yaml.safe_load((JINCHENG / file).read_text(encoding="utf-8"))
    rows = content if isinstance(content, list) else [content]
    assert {name for row in rows for name in row} <= set(model.model_fields)
