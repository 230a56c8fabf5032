"""Readings that come late: what is kept to judge them in their place, and what alerts change by it."""
