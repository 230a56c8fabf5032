"""Trials: one shift of a simulated fleet with labelled incidents. A seed and a noise tier enter; a city, readings
in the order in which they arrive, and incidents leave. `haulwatch.evaluation` judges them; nothing here knows a rule.

Behaviours say what drivers do. Truths say, from what truly happened, which incidents these were. Tiers say what
terminals and networks make of it.
"""
