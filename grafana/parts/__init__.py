"""Shared parts of all boards: queries, panels, maps, variables, frame, colours and wording.

Names, colours and queries enter; builders of the Grafana SDK leave. The modules in `grafana.boards` call it.
"""
