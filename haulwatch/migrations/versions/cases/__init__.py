"""Revisions of the tables of cases, reports of the public, attachments.

They are in the one series of `haulwatch.migrations.versions`.
"""
