"""The boards: one module per board, `board(builder)` in each; `en/` and `zh/` hold the rendered JSON.

A builder for one language enters; a Grafana dashboard leaves. `grafana.render` calls it.
"""
