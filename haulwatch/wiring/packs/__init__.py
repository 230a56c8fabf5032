"""Evidence packs as commands and API make them: the exporter with all that it reads from.

`haulwatch.commands.evidence` and `haulwatch.wiring.api_parts` call it.
"""
