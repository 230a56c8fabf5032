"""Revisions of the tables of alerts and their journal, rule sets, shelves, suspected sites.

They are in the one series of `haulwatch.migrations.versions`.
"""
