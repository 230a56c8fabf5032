"""Shared parts of all routes: tokens, limits, headers, problem JSON, pages, query parameters, OpenAPI, the server.

Requests enter, responses leave. `api.app` and the route packages call it; it knows no resource.
"""
