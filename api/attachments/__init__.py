"""Attachments of alerts, cases and reports over HTTP: what their owner's routes share.

The routes of an owner say who it is and whether the caller may see it; receiving, listing and giving files is here.
"""
