"""Tables of public reports, in the registry's database. Times are wall clock, ms since 1970 UTC."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata: Final = MetaData()

public_report: Final = Table(
    "public_report",
    metadata,
    Column("no", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", String(8), nullable=False),
    Column("category", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("lat", Float),
    Column("lon", Float),
    Column("accuracy_m", Float),
    Column("site_id", String(64)),
    Column("address", String(200), nullable=False),
    Column("plate", String(16), nullable=False),
    Column("language", String(2), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("received_by", String(64)),
    Column("case_number", String(16), nullable=False),
    Column("code_hash", String(64), nullable=False),
    Column("submission", String(64)),
    Index("ix_public_report_received_at", "received_at"),
    Index("ix_public_report_case", "case_number"),
    Index("ix_public_report_submission", "submission", unique=True),
)
"""What was reported. `code_hash`: SHA-256 of number and secret code, by which the informant asks for the state.
`submission`: SHA-256 of the form that was sent and its content, so that one that is sent twice is one report. Nothing
here names the informant, and no address of a network is kept."""

public_report_informant: Final = Table(
    "public_report_informant",
    metadata,
    Column(
        "report_no",
        BigInteger,
        ForeignKey("public_report.no", name="fk_public_report_informant_report"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("key_id", String(16), nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Index("ix_public_report_informant_received_at", "received_at"),
)
"""Names and contacts, sealed by AES-256-GCM (`rules.public_reports.sealing`); rows are erased after a time."""
