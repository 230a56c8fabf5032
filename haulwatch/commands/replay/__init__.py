"""The command `haulwatch replay`: judges a raw log or a recording again, and compares.

`replay` compares with the journal; `what_if` compares two rule sets.
"""
