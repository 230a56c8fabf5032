"""Points as InfluxDB line protocol, millisecond precision.

    measurement,tag=value,… field=1.5,count=3i,on=true,text="…" 1700000000000

Escaping follows the InfluxDB reference: comma and space in measurements; comma, equals sign and space in tag keys,
tag values and field keys; quote and backslash in string fields, where a line break may stand as it is.
"""

import math
import re
from functools import lru_cache

from devices.readings.series import FieldValue, Point

_IN_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ "})
_IN_NAME = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
_IN_STRING = str.maketrans({"\\": r"\\", '"': r"\""})
_NAME = r"((?:\\[,= ]|[^,= ])+)"
_HEAD = re.compile(r"((?:\\[, ]|[^, ])+)((?:\\[,= ]|[^ ])*) ")
_TAG = re.compile(f",{_NAME}={_NAME}")
_FIELD = re.compile(_NAME + r'=("(?:\\["\\]|[^"])*"|[^,]*)(?:,|$)', re.DOTALL)
_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
_ESCAPED_NAME = re.compile(r"\\([,= ])")
_ESCAPED_TEXT = re.compile(r'\\(["\\])')


class Unencodable(ValueError):
    """Line protocol cannot express this point; the message names the part of it."""


def encode_point(point: Point) -> str:
    """The line of a point, without a line break at its end. Raises Unencodable."""
    if not point.fields:
        raise Unencodable(f"{point.measurement}: a point needs at least one field")
    tags = "".join([f",{escaped_name(key)}={escaped_name(value)}" for key, value in sorted(point.tags)])
    fields = ",".join([f"{escaped_name(key)}={_value(key, value)}" for key, value in point.fields.items()])
    return f"{_outside_quotes(point.measurement).translate(_IN_MEASUREMENT)}{tags} {fields} {point.ts}"


def quoted(text: str) -> str:
    """A string field's value, with its quotes."""
    return f'"{text.translate(_IN_STRING)}"'


def decode_line(line: str) -> Point:
    """Read a line that `encode_point` wrote. Takes three times as long as encoding, so not for every reading."""
    head = _HEAD.match(line)
    if head is None:
        raise ValueError(f"not a line of ours: {line[:200]!r}")
    fields, _, ts = line[head.end() :].rpartition(" ")
    tags = tuple((_plain(key), _plain(value)) for key, value in _TAG.findall(head[2]))
    return Point(_plain(head[1]), tags, decode_fields(fields), int(ts))


def decode_fields(text: str) -> dict[str, FieldValue]:
    return {_plain(key): _value_of(value) for key, value in _FIELD.findall(text)}


def _plain(name: str) -> str:
    return _ESCAPED_NAME.sub(r"\1", name) if "\\" in name else name


def _value_of(text: str) -> FieldValue:
    if text.startswith('"'):
        return _ESCAPED_TEXT.sub(r"\1", text[1:-1])
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    return int(text[:-1]) if text.endswith("i") else float(text)


@lru_cache(maxsize=8192)
def escaped_name(text: str) -> str:
    """A tag key, tag value or field key, escaped. Cached: the same few come with every point."""
    return _outside_quotes(text).translate(_IN_NAME)


def _outside_quotes(text: str) -> str:
    """Check a name. A line break would end the line, a final backslash would escape the next character; neither can be
    escaped.
    """
    if not text or text.endswith("\\") or "\n" in text or "\r" in text:
        raise Unencodable(f"{text!r}: a name or tag is not empty, has no line break and does not end with a backslash")
    return text


def _value(key: str, value: FieldValue) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unencodable(f"{key}: {value} is not a number a store can hold")
        return repr(value)
    if isinstance(value, int):
        return f"{value}i"
    return quoted(value)
