"""What drivers, terminals and bystanders do: one function each, with the rules it should concern, listed in `registry`.

A behaviour gets a truck that stands empty at its source, and leaves it there. What of it is an incident, and when it
begins, `simulators.trials.truths` reads off what happened.
"""
