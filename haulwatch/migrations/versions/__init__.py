"""The revisions of the schema, one module each; alembic reads them in the order of their revision ids."""
