"""The table of attachments, in the registry's database. Times are ms since 1970 UTC, wall clock."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, MetaData, String, Table

metadata: Final = MetaData()

attachment: Final = Table(
    "attachment",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("owner_kind", String(16), nullable=False),
    Column("owner_id", String(64), nullable=False),
    Column("name", String(120), nullable=False),
    Column("media_type", String(32), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("claims", JSON(none_as_null=True)),
    Column("added_by", String(64), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("removed_by", String(64)),
    Column("removed_at", BigInteger),
    Column("removed_reason", String(500)),
    Index("ix_attachment_owner", "owner_kind", "owner_id"),
    Index("ix_attachment_sha256", "sha256"),
)
"""Every attachment that was ever added. Rows stay when the bytes go: what there was, and who removed it, is asked
later."""
