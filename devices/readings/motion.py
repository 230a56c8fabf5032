"""The speed that divides a standing vehicle from a moving one: one limit for truck tracking, the map and the boards."""

from typing import Final

STILL_KMH: Final = 3.0
"""A vehicle below this speed stands; at this speed and above it moves."""
