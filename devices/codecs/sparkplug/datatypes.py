"""The data types of metrics, and what their values are in Python."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

Value = bool | int | float | str | bytes


class DataType(IntEnum):
    """Numbers of the published table. Arrays, data sets, files and templates are not read."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13
    """Milliseconds since 1970 UTC."""
    TEXT = 14
    UUID = 15
    BYTES = 17


_SIGNED_BITS: Final[Mapping[int, int]] = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_UNSIGNED_BITS: Final[Mapping[int, int]] = {
    DataType.UINT8: 8,
    DataType.UINT16: 16,
    DataType.UINT32: 32,
    DataType.UINT64: 64,
    DataType.DATE_TIME: 64,
}


def typed(datatype: int | None, value: Value | None) -> Value | None:
    """A value as its type means it. Signed integers travel as two's complement in unsigned fields: they are cut to
    their width, then signed. A value of another form than its type stays as it came.
    """
    if type(value) is not int or datatype is None:
        return value
    bits = _SIGNED_BITS.get(datatype)
    if bits is not None:
        cut = value & ((1 << bits) - 1)
        return cut - (1 << bits) if cut >> (bits - 1) else cut
    bits = _UNSIGNED_BITS.get(datatype)
    return value if bits is None else value & ((1 << bits) - 1)
