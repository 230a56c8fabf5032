"""Pages for people: the console at `/` and the API reference at `/docs`.

Static HTML leaves; the pages themselves call `/api/v1` and `/openapi.json` from the browser.
"""
