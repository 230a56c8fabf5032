"""Translates the statements of recorder and ledger, which are in SQLite's words, into PostgreSQL's."""

import re
from functools import lru_cache
from typing import Final

_HINT: Final = re.compile(r" INDEXED BY \w+")
"""SQLite has no statistics here; PostgreSQL takes no hints."""
_ARRAY: Final = "(SELECT value FROM json_each(?))"
_PARAMETER: Final = re.compile(r"\?")


@lru_cache(maxsize=256)
def translated_sql(sql: str) -> str:
    """The statement with the parameters of psycopg. None has a question or percent mark of its own."""
    return _PARAMETER.sub(
        "%s", _HINT.sub("", sql).replace(_ARRAY, "(SELECT json_array_elements_text(CAST(? AS json)))")
    )
