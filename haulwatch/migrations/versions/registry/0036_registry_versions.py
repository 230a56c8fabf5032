"""Versions of vehicles and permits; hauliers, drivers, gates, licences; and who changed what of the registry."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0036_registry_versions"
down_revision = "0035_recorder_tables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vehicle", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
    op.add_column("vehicle", sa.Column("haulier_id", sa.String))
    op.add_column("vehicle", sa.Column("lift_inverted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("vehicle", sa.Column("cover_inverted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("vehicle", sa.Column("load_unit", sa.String, nullable=False, server_default="kg"))
    op.add_column("route", _list("hours"))
    op.add_column("route", _list("standing_for"))
    op.add_column("permit", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
    op.add_column("permit", _list("source_ids"))
    op.add_column("permit", sa.Column("haulier_id", sa.String))
    op.add_column("permit", _list("streams"))
    op.add_column("permit", sa.Column("quantity_t", sa.Float))
    op.create_table(
        "haulier",
        *_id_and_version(),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("name_zh", sa.String, nullable=False),
        sa.Column("fleet", sa.String),
        *_validity(),
    )
    op.create_table(
        "driver",
        *_id_and_version(),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("haulier_id", sa.String),
        *_validity(),
    )
    op.create_table(
        "past_vehicle",
        *_id_and_version(),
        sa.Column("plate", sa.String, nullable=False),
        sa.Column("carrier", sa.String, nullable=False),
        sa.Column("tare_kg", sa.Float),
        sa.Column("payload_kg", sa.Float),
        *_validity(),
        sa.Column("kind", sa.String, nullable=False, server_default="construction_waste"),
        sa.Column("compartments", sa.Integer, nullable=False, server_default="1"),
        sa.Column("haulier_id", sa.String),
        sa.Column("lift_inverted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("cover_inverted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("load_unit", sa.String, nullable=False, server_default="kg"),
    )
    op.create_table(
        "gate",
        *_id_and_version(),
        sa.Column("site_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("name_zh", sa.String, nullable=False),
        sa.Column("lat", sa.Float, nullable=False),
        sa.Column("lon", sa.Float, nullable=False),
        sa.Column("use", sa.String, nullable=False),
        *_validity(),
    )
    op.create_table(
        "past_permit",
        *_id_and_version(),
        sa.Column(
            "vehicle_id", sa.String, sa.ForeignKey("vehicle.id", name="fk_past_permit_vehicle_id"), nullable=False
        ),
        sa.Column("route_ids", sa.JSON, nullable=False),
        sa.Column("site_ids", sa.JSON, nullable=False),
        *_validity(),
        _list("hours"),
        _list("area_ids"),
        _list("source_ids"),
        sa.Column("haulier_id", sa.String),
        _list("streams"),
        sa.Column("quantity_t", sa.Float),
    )
    op.create_table(
        "licence",
        *_id_and_version(),
        sa.Column("haulier_id", sa.String, nullable=False),
        sa.Column("area_ids", sa.JSON, nullable=False),
        sa.Column("streams", sa.JSON, nullable=False),
        *_validity(),
    )
    op.create_table(
        "registry_change",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("entry_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
    )
    op.create_index("ix_registry_change_entry", "registry_change", ["kind", "entry_id", "no"])


def downgrade() -> None:
    op.drop_index("ix_registry_change_entry", "registry_change")
    for table in ("registry_change", "licence", "past_permit", "gate", "past_vehicle", "driver", "haulier"):
        op.drop_table(table)
    for name in ("quantity_t", "streams", "haulier_id", "source_ids", "version"):
        op.drop_column("permit", name)
    for name in ("standing_for", "hours"):
        op.drop_column("route", name)
    for name in ("load_unit", "cover_inverted", "lift_inverted", "haulier_id", "version"):
        op.drop_column("vehicle", name)


def _list(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON, nullable=False, server_default="[]")


def _id_and_version() -> tuple[sa.Column[str], sa.Column[int]]:
    return sa.Column("id", sa.String, primary_key=True), sa.Column("version", sa.Integer, primary_key=True)


def _validity() -> tuple[sa.Column[int], sa.Column[int]]:
    return sa.Column("valid_from_ms", sa.BigInteger), sa.Column("valid_until_ms", sa.BigInteger)
