"""The dialects that `haulwatch simulate` speaks. Each loads only when it is asked for."""

from importlib import import_module
from typing import Final

from haulwatch.commands.dialects.options import DialectOptions
from haulwatch.commands.shared import fail
from haulwatch.process.lifetime import role

SIMULATED: Final = {
    "jt808": "jt808.simulate_jt808",
    "osmand": "trackers.simulate_osmand",
    "scale": "scale.simulate_scale",
    "traccar": "trackers.simulate_traccar",
    "chirpstack": "lorawan.simulate_chirpstack",
    "ttn": "lorawan.simulate_ttn",
    "sparkplug": "sparkplug.simulate_sparkplug",
}
"""Name → module beside this one, and the function in it."""


def simulate_dialect(name: str, options: DialectOptions) -> None:
    """Run the devices of a dialect. Ends with a message for an unknown one, and if another process does it already."""
    if name not in SIMULATED:
        fail(f"--dialect {name}: give one of {', '.join(SIMULATED)}")
    module, _, function = SIMULATED[name].partition(".")
    run = getattr(import_module(f"haulwatch.commands.dialects.{module}"), function)
    with role(f"simulators_{name}", create=True):
        run(options)
