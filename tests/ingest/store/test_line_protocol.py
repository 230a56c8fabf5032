"""Line protocol, read back by a small parser written from the reference, not from the encoder."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.readings.series import FieldValue, Point
from ingest.store.line_protocol import Unencodable, encode_point

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), min_size=1).filter(
    lambda text: not text.endswith("\\")
)
FIELD_NAMES = NAMES.filter(lambda text: '"' not in text)
"""Our field names are identifiers; no reference says what a quote in a field's name means."""
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8")),
)
POINTS = st.builds(
    Point,
    measurement=NAMES,
    tags=st.dictionaries(NAMES, NAMES).map(lambda tags: tuple(sorted(tags.items()))),
    fields=st.dictionaries(FIELD_NAMES, VALUES, min_size=1),
    ts=st.integers(946_684_800_000, 4_102_444_800_000),
)


def split(text: str, separator: str, *, quotes: bool = False) -> list[str]:
    """Split at separators that are neither escaped nor, where strings may stand, inside quotes."""
    parts, start, index, quoted = [], 0, 0, False
    while index < len(text):
        if text[index] == "\\" and index + 1 < len(text) and (quoted or text[index + 1] in ', ="'):
            index += 2
            continue
        if quotes and text[index] == '"':
            quoted = not quoted
        if text[index] == separator and not quoted:
            parts.append(text[start:index])
            start = index + 1
        index += 1
    return [*parts, text[start:]]


def unescaped(text: str, special: str) -> str:
    out, index = "", 0
    while index < len(text):
        if text[index] == "\\" and text[index + 1 : index + 2] and text[index + 1] in special:
            index += 1
        out += text[index]
        index += 1
    return out


def value_of(text: str) -> FieldValue:
    if text in {"true", "false"}:
        return text == "true"
    if text.startswith('"'):
        return unescaped(text[1:-1], '"\\')
    return int(text[:-1]) if text.endswith("i") else float(text)


def parse(line: str) -> Point:
    head, fields, ts = split_line(line)
    measurement, *tags = split(head, ",")
    return Point(
        unescaped(measurement, ", "),
        tuple((unescaped(key, ", ="), unescaped(value, ", =")) for key, value in (split(tag, "=") for tag in tags)),
        {
            unescaped(key, ", ="): value_of(value)
            for key, value in (pair(field) for field in split(fields, ",", quotes=True))
        },
        int(ts),
    )


def split_line(line: str) -> tuple[str, str, str]:
    head = split(line, " ")[0]
    fields, _, ts = line[len(head) + 1 :].rpartition(" ")
    return head, fields, ts


def pair(field: str) -> tuple[str, str]:
    key = split(field, "=")[0]
    return key, field[len(key) + 1 :]


@given(POINTS)
def test_a_parser_written_from_the_reference_reads_every_point_back(point: Point) -> None:
    read = parse(encode_point(point))
    assert read == point
    assert {key: type(value) for key, value in read.fields.items()} == {
        key: type(value) for key, value in point.fields.items()
    }


def test_a_line_is_as_the_reference_writes_it() -> None:
    point = Point(
        "odd name",
        (("device", "a,b"), ("district", "沁水 县=1")),
        {"on": True, "n": 3, "x": 40.0, "text": 'say "hi" \\ bye'},
        1_700_000_000_000,
    )
    assert (
        encode_point(point)
        == r'odd\ name,device=a\,b,district=沁水\ 县\=1 on=true,n=3i,x=40.0,text="say \"hi\" \\ bye" 1700000000000'
    )


def test_tags_are_written_in_key_order() -> None:
    point = Point("fill", (("device", "p-1"), ("compartment", "glass")), {"fill_pct": 1.5}, 5)
    assert encode_point(point) == "fill,compartment=glass,device=p-1 fill_pct=1.5 5"


@pytest.mark.parametrize(
    ("point", "named"),
    [
        (Point("fill", (("device", "p-1"),), {"fill_pct": math.nan}, 5), "fill_pct"),
        (Point("fill", (("device", "p-1"),), {"fill_pct": math.inf}, 5), "fill_pct"),
        (Point("fill", (("device", "p-1"),), {}, 5), "field"),
        (Point("fill", (("device", "p-1\\"),), {"fill_pct": 1.0}, 5), "backslash"),
        (Point("fill", (("device", "p\n1"),), {"fill_pct": 1.0}, 5), "line break"),
        (Point("fill", (("device", ""),), {"fill_pct": 1.0}, 5), "empty"),
    ],
)
def test_a_point_that_cannot_be_encoded_is_refused_by_name(point: Point, named: str) -> None:
    with pytest.raises(Unencodable, match=named):
        encode_point(point)
