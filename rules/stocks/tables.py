"""The table of stated stocks, in the registry's database. Weights are kg; `at` is wall clock in ms since 1970 UTC."""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, MetaData, String, Table, Text

from devices.db.column_types import SERIAL

metadata: Final = MetaData()

site_stock: Final = Table(
    "site_stock",
    metadata,
    Column("no", SERIAL, primary_key=True, autoincrement=True),
    Column("site_id", String(64), nullable=False),
    Column("day", String(10), nullable=False),
    Column("stock_kg", Float),
    Column("stock_change_kg", Float),
    Column("residue_kg", Float, nullable=False),
    Column("error_kg", Float, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_site_stock", "site_id", "day", "no"),
    Index("ix_site_stock_day", "day"),
    sqlite_autoincrement=True,
)
"""What people stated of a site and day. The last entry of a site and day holds; rows are added and never changed."""
