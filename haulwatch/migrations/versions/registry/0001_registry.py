"""The registry: city, vehicles, sites, routes, devices, permits."""

import sqlalchemy as sa
from alembic import op

revision = "0001_registry"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registry_revision",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "city",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("name_zh", sa.String, nullable=False),
        sa.Column("timezone", sa.String, nullable=False),
        sa.Column("centre_lat", sa.Float, nullable=False),
        sa.Column("centre_lon", sa.Float, nullable=False),
    )
    op.create_table(
        "vehicle",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("plate", sa.String, nullable=False),
        sa.Column("carrier", sa.String, nullable=False),
        sa.Column("tare_kg", sa.Float),
        sa.Column("payload_kg", sa.Float),
        *_validity(),
    )
    op.create_table(
        "site",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("name_zh", sa.String, nullable=False),
        sa.Column("area_wkb", sa.LargeBinary, nullable=False),
        sa.Column("district", sa.String),
        *_validity(),
    )
    op.create_table(
        "route",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("name_zh", sa.String, nullable=False),
        sa.Column("line_wkb", sa.LargeBinary, nullable=False),
        sa.Column("origin_site_id", sa.String),
        sa.Column("destination_site_id", sa.String),
        *_validity(),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("vehicle_id", sa.String, sa.ForeignKey("vehicle.id", name="fk_device_vehicle_id")),
        sa.Column("site_id", sa.String),
        sa.Column("fleet", sa.String),
        sa.Column("district", sa.String),
        sa.Column("report_interval_s", sa.Integer, nullable=False),
        *_validity(),
    )
    op.create_table(
        "permit",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("vehicle_id", sa.String, sa.ForeignKey("vehicle.id", name="fk_permit_vehicle_id"), nullable=False),
        sa.Column("route_ids", sa.JSON, nullable=False),
        sa.Column("site_ids", sa.JSON, nullable=False),
        *_validity(),
    )


def downgrade() -> None:
    for table in ("permit", "device", "route", "site", "vehicle", "city", "registry_revision"):
        op.drop_table(table)


def _validity() -> tuple[sa.Column[int], sa.Column[int]]:
    return sa.Column("valid_from_ms", sa.BigInteger), sa.Column("valid_until_ms", sa.BigInteger)
