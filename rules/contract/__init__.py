"""The contract between engine and rules: observations go into a rule, verdicts come out.

Rules in `rules.detectors` implement it; `rules.engine` calls it.
"""
