"""Rules, one package each. Observations, silences and a rule's own state enter; verdicts leave.

`rules.catalogue` lists the packages; the engine (`rules.engine.engine`) asks the rules.
"""
