"""Rows of the engine's state: what stands in them, and when each is made."""
