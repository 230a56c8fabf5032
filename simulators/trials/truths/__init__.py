"""What counts as an incident, read off what truly happened. One function each, listed in `registry`.

They follow the definitions of the field (how far, how long), not a rule's code or its parameters. Whoever adds an
incident that follows from a truck's motion, bed, cover or load adds a function and its line.
"""
