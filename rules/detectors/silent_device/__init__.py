"""Silent device 离线. Readings of every device and fleet time enter; verdicts about silences leave.

Listed in `rules.catalogue`; the engine asks it, also when nothing is heard.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.silent_device.judgement import SilentDevice
from rules.detectors.silent_device.parameters import SilentDeviceParameters

RULE = RuleEntry(
    SilentDevice.name,
    title=Text(en="Silent device", zh="离线"),
    colour="#CC79A7",  # reddish purple
    parameters=SilentDeviceParameters,
    judgement=SilentDevice,
    silent_after_s=SilentDeviceParameters.silent_after_s,
)
