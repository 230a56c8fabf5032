"""Deposits of recyclables: accounts by pseudonym, deposits, bookings, and what was refused. Stated stocks of sites."""

import sqlalchemy as sa
from alembic import op

revision = "0042_recyclables"
down_revision = "0041_publisher_positions"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "deposit_account",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("pseudonym", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_deposit_account", "deposit_account", ["pseudonym"], unique=True)
    op.create_table(
        "deposit",
        sa.Column("device_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.String(64), primary_key=True),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("material", sa.String(64), nullable=False),
        sa.Column("grams", sa.Integer, nullable=False),
        sa.Column("account", sa.BigInteger, sa.ForeignKey("deposit_account.no", name="fk_deposit_account")),
        sa.Column("id_dropped", sa.Boolean, nullable=False),
        sa.Column("tariff", sa.String(64)),
        sa.Column("unit", sa.String(8)),
        sa.Column("hundredths", sa.BigInteger),
        sa.Column("received_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_deposit_day", "deposit", ["day", "site_id", "material"])
    op.create_index("ix_deposit_account", "deposit", ["account", "day"])
    op.create_table(
        "deposit_refusal",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("hint", sa.String(200), nullable=False),
        sa.Column("deposits", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deposit_refusal", "deposit_refusal", ["device_id", "no"])
    op.create_table(
        "deposit_booking",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("account", sa.BigInteger, sa.ForeignKey("deposit_account.no", name="fk_deposit_booking_account")),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("unit", sa.String(8), nullable=False),
        sa.Column("hundredths", sa.BigInteger, nullable=False),
        sa.Column("cancels", sa.String(64)),
        sa.Column("day", sa.String(10)),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_deposit_booking", "deposit_booking", ["number"], unique=True)
    op.create_index("uq_deposit_booking_cancels", "deposit_booking", ["cancels"], unique=True)
    op.create_index("ix_deposit_booking_account", "deposit_booking", ["account", "unit"])
    op.create_table(
        "site_stock",
        sa.Column("no", _SERIAL, primary_key=True, autoincrement=True),
        sa.Column("site_id", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("stock_kg", sa.Float),
        sa.Column("stock_change_kg", sa.Float),
        sa.Column("residue_kg", sa.Float, nullable=False),
        sa.Column("error_kg", sa.Float, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_site_stock", "site_stock", ["site_id", "day", "no"])
    op.create_index("ix_site_stock_day", "site_stock", ["day"])


def downgrade() -> None:
    for table in ("site_stock", "deposit_booking", "deposit_refusal", "deposit", "deposit_account"):
        op.drop_table(table)
