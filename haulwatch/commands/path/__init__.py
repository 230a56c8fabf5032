"""The commands that run the path: demo, run, collect, record, judge, serve.

Each asks `haulwatch.wiring` for its parts and runs them until SIGINT or SIGTERM.
"""
