"""The boards: one module per board, `board(language)` in each; `en/` and `zh/` hold the rendered JSON.

A language enters; a Grafana dashboard leaves. `grafana.render` calls it.
"""
