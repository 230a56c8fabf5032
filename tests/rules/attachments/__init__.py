"""Attachments: what is kept, what is refused, and what survives a crash."""
