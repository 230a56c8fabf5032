"""The pages for people: the console, built from TypeScript in `web/`, and the API reference.

Requests of browsers enter, HTML and its files leave. The pages read the API like any other client.
"""
