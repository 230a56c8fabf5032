"""Device clock 设备时钟异常. What is believed of a device's clock enters; a verdict about one that is wrong leaves.

Listed in `rules.catalogue`; the engine asks it. `rules.engine.clocks` watches the clocks.
"""

from rules.alerts.model import Text
from rules.detectors.device_clock.judgement import DeviceClock
from rules.detectors.device_clock.parameters import DeviceClockParameters
from rules.detectors.entry import RuleEntry

RULE = RuleEntry(
    DeviceClock.name,
    title=Text(en="Wrong clock", zh="设备时钟异常"),
    colour="#999999",  # grey: nobody did anything
    parameters=DeviceClockParameters,
    judgement=DeviceClock,
)
