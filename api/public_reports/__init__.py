"""Reports of the public over HTTP: the form for everybody, and the endpoints for operators and administrators.

`words`, `pages`, `fields`, `tokens` and `limits` make the form at /report, which knows nobody and sets no cookie;
`reports`, `informants` and `qr` are endpoints of /api/v1.
"""
