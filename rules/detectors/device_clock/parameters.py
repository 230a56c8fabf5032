"""Thresholds of rule `device_clock`."""

from pydantic import Field

from rules.contract.rule import Parameters


class DeviceClockParameters(Parameters):
    """What makes a clock believed belongs to the engine (`rules.engine.clocks.device_clock`)."""

    off_s: int = Field(default=120, ge=60)
    """A clock that is further off is wrong: admission refuses readings that are so far ahead, and clocks of the field
    that are set by the network differ by ± 90 s at most.

    时钟偏差超过此值即为错误：准入会拒绝超前这么多的读数，而现场由网络校时的时钟偏差最多为±90 s。"""
