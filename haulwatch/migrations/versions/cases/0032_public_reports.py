"""Reports of the public, and their informants, sealed in a table of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0032_public_reports"
down_revision = "0031_cases"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "public_report",
        sa.Column("no", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("lat", sa.Float),
        sa.Column("lon", sa.Float),
        sa.Column("accuracy_m", sa.Float),
        sa.Column("site_id", sa.String(64)),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("plate", sa.String(16), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("received_by", sa.String(64)),
        sa.Column("case_number", sa.String(16), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("submission", sa.String(64)),
    )
    op.create_index("ix_public_report_received_at", "public_report", ["received_at"])
    op.create_index("ix_public_report_case", "public_report", ["case_number"])
    op.create_index("ix_public_report_submission", "public_report", ["submission"], unique=True)
    op.create_table(
        "public_report_informant",
        sa.Column("report_no", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["report_no"], ["public_report.no"], name="fk_public_report_informant_report"),
    )
    op.create_index("ix_public_report_informant_received_at", "public_report_informant", ["received_at"])


def downgrade() -> None:
    for table in ("public_report_informant", "public_report"):
        op.drop_table(table)
