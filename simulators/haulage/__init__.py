"""A night of haulage by seed: trucks, their trips with manifests and weighings, and what is wrong with some of them.

A seed enters; a city, positions, tickets, people's actions and the truth of every trip and every load leave. Nothing
here knows a rule: the truth is counted from what the scales showed.
"""
