"""Types of columns that several tables share."""

from typing import Final

from sqlalchemy import BigInteger, Integer

SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives. SQLite numbers rows itself only where the type of the key is INTEGER."""
