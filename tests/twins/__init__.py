"""Pairs of devices that live the same story: one speaks the native format, its twin the dialect of what cities have.

`stories` says what happens and what must be raised, `town` registers the devices, `yard` sends the stories over the
real path, `heard` compares the alerts. `python -m tests.twins` shows them.
"""
