"""Payloads of Sparkplug B: bytes ↔ metrics. The only module that imports Protobuf.

BadPayload    the bytes are no payload, or beyond a bound; its text says which
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError, EncodeError

from devices.codecs.sparkplug.datatypes import DataType, Value, typed
from devices.codecs.sparkplug.sparkplug_b_pb2 import Metric as _Metric
from devices.codecs.sparkplug.sparkplug_b_pb2 import Payload as _Payload

MAX_METRICS: Final = 10_000
"""Of one payload. A birth of a large controller has some thousands."""
GOOD: Final = 192
"""The value of the property `Quality` of a value that is valid; 0 is bad, 500 stale."""
_QUALITY: Final = "Quality"
_KEPT: Final = "Kept"
_MAX_PROPERTIES: Final = 64
_MAX_UINT64: Final = (1 << 64) - 1
_MAX_UINT32: Final = (1 << 32) - 1
_MIN_INT: Final = -(1 << 31)


class BadPayload(Exception):
    """The bytes are no payload that is taken."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One value, or a value that is unknown now."""

    name: str = ""
    """Empty in data that names its metrics by alias."""
    alias: int | None = None
    timestamp: int | None = None
    """Of the value, ms since 1970 UTC."""
    datatype: int | None = None
    """Of `DataType`, or one that is not read; None in data: that of the birth."""
    value: Value | None = None
    """As the type means it; without a type, integers as they travelled. None with `is_null`."""
    is_historical: bool = False
    """It was stored, and is no present value."""
    is_transient: bool = False
    """It is to be shown, and not to be stored."""
    is_null: bool = False
    quality: int = GOOD
    is_kept: bool = False
    """It did not change: the gateway has added it as it was before (a property of ours)."""

    @property
    def is_valid(self) -> bool:
        """It has a value, and the device vouches for it."""
        return self.value is not None and not self.is_null and self.quality == GOOD


@dataclass(frozen=True, slots=True)
class SparkplugPayload:
    """One message."""

    timestamp: int | None = None
    """When it was sent, ms since 1970 UTC."""
    seq: int | None = None
    """0 to 255, one counter for an edge node and its devices."""
    metrics: tuple[Metric, ...] = ()
    uuid: str = ""
    """Names the form of the message, where the gateway has republished it."""

    def metric(self, name: str) -> Metric | None:
        """The first one of that name."""
        return next((metric for metric in self.metrics if metric.name == name), None)


def read_payload(payload: bytes) -> SparkplugPayload:
    """Raises BadPayload. Fields of a wrong wire type count as unknown fields, and are passed over."""
    message = _Payload()
    try:
        message.ParseFromString(payload)
        if len(message.metrics) > MAX_METRICS:
            raise BadPayload(f"has {len(message.metrics)} metrics, at most {MAX_METRICS} are taken")
        metrics = tuple(_metric(metric) for metric in message.metrics)
        uuid = _text(message.uuid)
    except (DecodeError, UnicodeDecodeError) as exc:
        raise BadPayload(f"truncated, or no Protobuf of Sparkplug B: {exc}") from exc
    if message.HasField("seq") and message.seq > 255:
        raise BadPayload(f"seq is {message.seq}, should be 0 to 255")
    return SparkplugPayload(
        message.timestamp if message.HasField("timestamp") else None,
        message.seq if message.HasField("seq") else None,
        metrics,
        uuid,
    )


def write_payload(payload: SparkplugPayload) -> bytes:
    """The bytes of a payload. Raises BadPayload for values that do not fit their type."""
    try:
        message = _Payload(timestamp=payload.timestamp, seq=payload.seq)
        if payload.uuid:
            message.uuid = payload.uuid
        for metric in payload.metrics:
            _write_metric(message.metrics.add(), metric)
        return message.SerializeToString(deterministic=True)
    except (ValueError, TypeError, EncodeError) as exc:
        raise BadPayload(str(exc)) from exc


def _metric(metric: _Metric) -> Metric:
    datatype = metric.datatype if metric.HasField("datatype") else None
    which = metric.WhichOneof("value")
    properties = _properties(metric)
    quality = properties.get(_QUALITY, GOOD)
    return Metric(
        _text(metric.name),
        metric.alias if metric.HasField("alias") else None,
        metric.timestamp if metric.HasField("timestamp") else None,
        datatype,
        None if which is None or metric.is_null else typed(datatype, _value(metric, which)),
        metric.is_historical,
        metric.is_transient,
        metric.is_null,
        quality if isinstance(quality, int) else 0,
        properties.get(_KEPT) is True,
    )


def _text(text: str | bytes) -> str:
    r"""A text that is no UTF-8, of which Protobuf gives the bytes: those that are wrong as `\xba`.

    Controllers that write GBK are common. One such name must not take the other metrics of its device along.
    """
    return text.decode(errors="backslashreplace") if isinstance(text, bytes) else text


def _value(holder: Any, which: str) -> Any:
    value = getattr(holder, which)
    return _text(value) if which == "string_value" else value


def _properties(metric: _Metric) -> dict[str, Value]:
    if not metric.HasField("properties"):
        return {}
    keys, values = metric.properties.keys, metric.properties.values
    found: dict[str, Value] = {}
    for key, value in list(zip(keys, values, strict=False))[:_MAX_PROPERTIES]:
        which = value.WhichOneof("value")
        if which is not None and (read := typed(value.type, _value(value, which))) is not None:
            found[_text(key)] = read
    return found


def _write_metric(message: _Metric, metric: Metric) -> None:
    if metric.name:
        message.name = metric.name
    for name in ("alias", "timestamp", "datatype"):
        if (number := getattr(metric, name)) is not None:
            setattr(message, name, number)
    for name in ("is_historical", "is_transient", "is_null"):
        if getattr(metric, name):
            setattr(message, name, True)
    if metric.quality != GOOD:
        message.properties.keys.append(_QUALITY)
        message.properties.values.add(type=DataType.INT32, int_value=metric.quality & _MAX_UINT32)
    if metric.is_kept:
        message.properties.keys.append(_KEPT)
        message.properties.values.add(type=DataType.BOOLEAN, boolean_value=True)
    _write_value(message, metric)


def _write_value(message: _Metric, metric: Metric) -> None:
    match metric.value:
        case None:
            pass
        case bool(value):
            message.boolean_value = value
        case int(value) if metric.datatype in _LONG or not _MIN_INT <= value <= _MAX_UINT32:
            message.long_value = value & _MAX_UINT64
        case int(value) if metric.datatype in _FLOATS:
            message.double_value = value
        case int(value):
            message.int_value = value & _MAX_UINT32
        case float(value) if metric.datatype == DataType.FLOAT:
            message.float_value = value
        case float(value):
            message.double_value = value
        case str(value):
            message.string_value = value
        case bytes(value):
            message.bytes_value = value


_LONG: Final = frozenset({DataType.INT64, DataType.UINT64, DataType.DATE_TIME})
_FLOATS: Final = frozenset({DataType.FLOAT, DataType.DOUBLE})


def without_kept(metrics: Iterable[Metric]) -> list[Metric]:
    """What the device itself sent."""
    return [metric for metric in metrics if not metric.is_kept]
