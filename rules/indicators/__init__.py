"""The indicators of a city's waste programme, and the assessment of hauliers, vehicles and drivers.

Weighing sessions, manifests, cases, alerts and the city's file of targets enter; values with their coverage and data
quality leave, or the reason why there is no value. CLI, API, board feed and quarterly report ask for them.
"""
