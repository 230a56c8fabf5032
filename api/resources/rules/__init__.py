"""Rules: which hold, which rule sets were applied, and what another one would do.

In: the rule set that holds, the registry's versions, a rule set that a person wrote. Out: answers, a new version, or a
what-if job.
"""
