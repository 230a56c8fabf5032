"""The table of rule sets, in the registry's database."""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text

metadata: Final = MetaData()

rule_set: Final = Table(
    "rule_set",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
    Column("applied_at", BigInteger, nullable=False),
    Column("applied_by", String(64), nullable=False),
    Column("reason", Text, nullable=False),
)
"""Every rule set that was ever applied, as its author wrote it (YAML). The one with the highest version holds.
`applied_at`: wall clock, ms since 1970 UTC."""
