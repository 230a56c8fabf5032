"""How well `route_deviation` finds what trucks do, and how quiet it stays on honest drives: measured on the engine.

`python -m tests.rules.power` measures all of it; the ordinary suite a small part. The oracle is the label of the
generator, which knows where the truck really was. It never reads the parameters of rules.
"""
