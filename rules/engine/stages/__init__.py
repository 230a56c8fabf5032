"""What the engines of partitions hand on to the one that compares devices, and its form between processes.

The device stage of a partition (`RuleEngine` with `own`) hands verdicts on; the fleet stage takes them (its `take`).
"""
