"""Tools of every long-running process: back-off, pause, heartbeat and status files, SQLite files.

They know nothing of messages; all other packages of `ingest`, and the commands that run them, call them.
"""
