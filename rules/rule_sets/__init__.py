"""Rule sets: which rules hold where, with which parameters, as data that a city keeps and changes.

In: YAML that a person wrote. Out: a `rules.contract.rule_choice.RuleChoice` for the engine. The registry keeps every
version with who applied it and why; the raw log holds the one by which each reading is judged.
"""
