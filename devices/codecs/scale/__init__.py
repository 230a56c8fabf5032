"""The dialect `scale`: frames of weighing indicators, and the weighing that the gateway of a scale makes of them.

`stream` cuts bytes into frames, by the format that the profile of the scale names (`settings`). `weight` says what a
frame weighs, and whether it may stand on a ticket. `SCALE` (`codec`) reads what the gateway publishes for each truck.
"""

from devices.codecs.scale.codec import SCALE

__all__ = ["SCALE"]
