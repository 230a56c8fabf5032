"""Revisions of the tables of rules of notices and their outbox.

They are in the one series of `haulwatch.migrations.versions`.
"""
