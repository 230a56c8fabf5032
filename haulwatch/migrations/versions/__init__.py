"""One module per step; alembic reads them by their revision ids."""
