"""Evaluation: simulated trials (`simulators.trials`) enter, figures of how well each rule finds its incidents leave.

It stands above simulators and rules, because it alone may know both: a generator that knew the rules would be tuned to
them, and rules that knew labels would be no rules. `haulwatch.commands.judgement.evaluate` prints the figures.
"""
