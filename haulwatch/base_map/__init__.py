"""The base map of the console, as far as it comes from elsewhere.

Requests for tiles enter, pictures of the operator's tile service leave. The API asks, `haulwatch.wiring` builds it.
"""
