"""Sensor fault 传感器故障. Positions of a truck with its switches and weight enter; findings on these sensors leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.sensor_fault.judgement import SensorFault
from rules.detectors.sensor_fault.parameters import SensorFaultParameters

RULE = RuleEntry(
    SensorFault.name,
    title=Text(en="Sensor fault", zh="传感器故障"),
    colour="#707000",  # olive
    parameters=SensorFaultParameters,
    judgement=SensorFault,
)
