"""Rows of a city's files in CSV: a line of names of fields, then a line for each entry.

UTF-8, with or without a mark at its beginning; cells are separated by commas, the values of a list by semicolons; an
empty cell is an absent field. Numbers and `true` or `false` are read as YAML has them.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, get_args, get_origin

from devices.bounded_files import UnboundedFile
from devices.city.files.fields import Row

LINE: Final = "\0line"
"""Key of the line number in a row of cells; no column has such a name."""
SEPARATOR: Final = ";"
_MAX_CELL: Final = 100_000
_WORDS: Final = {"true": True, "false": False}
_GUARDED: Final = ("=", "+", "-", "@", "\t", "\r", "'")
"""A spreadsheet takes a cell that begins so for a formula; a `'` before it is taken off again. OWASP, CSV injection."""


def load_csv(content: bytes) -> list[dict[str, Any]]:
    """The rows by the names of the first line, each cell as text, with the line of each under `LINE`.

    Raises UnboundedFile.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise UnboundedFile(f"is not UTF-8 at byte {exc.start}: save it as UTF-8", "不是UTF-8编码") from exc
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, Any]] = []
    try:
        names = next(reader, [])
        if len(set(names)) < len(names) or not all(names):
            raise UnboundedFile(
                "has a column without a name or with one used twice: name each once", "列名缺失或重复", 1
            )
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) > len(names):
                fault = f"has {len(cells)} cells in line {reader.line_num}, but {len(names)} columns: put quotes around"
                raise UnboundedFile(f"{fault} what holds a comma", "单元格多于列", reader.line_num)
            rows.append(dict(zip(names, map(_unguarded, cells), strict=False)) | {LINE: reader.line_num})
    except csv.Error as exc:
        raise UnboundedFile(f"is not CSV: {exc}: look at its quotes", "不是CSV格式", reader.line_num) from exc
    return rows


def row_of_cells(model: type[Row], cells: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row, of the types that its model has; a cell that does not fit stays text."""
    row = {name: _value(model, name, text) for name, text in cells.items() if name != LINE and text != ""}
    empty = {name for name, text in cells.items() if text == "" and name in model.model_fields}
    lists = {name for name in empty if model.model_fields[name].is_required() and list in _types_of(model, name)}
    return row | {name: [] for name in lists}


def write_csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The inverse of `load_csv` and `row_of_cells` for rows that YAML can hold."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return text.getvalue().encode("utf-8-sig")  # spreadsheets read UTF-8 by its mark


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_GUARDED) else cell


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    text = SEPARATOR.join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_GUARDED) else text


def _value(model: type[Row], name: str, text: str) -> Any:
    types = _types_of(model, name)
    if list in types:
        return [part.strip() for part in text.split(SEPARATOR)]
    if bool in types:
        return _WORDS.get(text.lower(), text)
    if int in types or float in types:
        return _number(text, whole=float not in types)
    return text


def _number(text: str, *, whole: bool) -> int | float | str:
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return text


def _types_of(model: type[Row], name: str) -> frozenset[Any]:
    info = model.model_fields.get(name)
    return frozenset() if info is None else _types(info.annotation)


def _types(annotation: Any) -> frozenset[Any]:
    """The types of an annotation: those of `int | None` are `int` and `None`."""
    if get_origin(annotation) is list:
        return frozenset({list})
    arguments = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return frozenset().union(*map(_types, arguments)) if arguments else frozenset({annotation})
