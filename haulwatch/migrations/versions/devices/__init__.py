"""Revisions of the tables of logins, commands, clocks and verification of devices.

They are in the one series of `haulwatch.migrations.versions`.
"""
