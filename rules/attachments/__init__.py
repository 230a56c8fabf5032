"""Attachments: photos and documents that people add to an alert, a case or a report, as evidence.

Bytes of somebody enter, bounded; what they are is checked by content, in a process of its own. A file by its SHA-256
and a row in the registry's database leave. The API adds, shows and removes them; evidence packs hold them.
"""
