"""Model of a device, and its metrological verification."""

import sqlalchemy as sa
from alembic import op

revision = "0028_verification"
down_revision = "0027_notices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("device", sa.Column("model", sa.String, nullable=False, server_default=""))
    op.add_column("device", sa.Column("verification", sa.String, nullable=False, server_default=""))
    op.add_column("device", sa.Column("verified_until_ms", sa.BigInteger))


def downgrade() -> None:
    for name in ("verified_until_ms", "verification", "model"):
        op.drop_column("device", name)
