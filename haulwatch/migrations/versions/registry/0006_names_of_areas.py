"""The names of districts and fleets."""

import sqlalchemy as sa
from alembic import op

revision = "0006_names_of_areas"
down_revision = "0005_datum_and_region"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("city", sa.Column("districts", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("city", sa.Column("fleets", sa.JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("city", "fleets")
    op.drop_column("city", "districts")
