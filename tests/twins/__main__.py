"""`python -m tests.twins`: pairs of devices live the same story over the real path, and their alerts are compared.

Exit code 0: each pair raised what its story says, and twins the same. 1: not so. 2: Mosquitto is not installed.
"""

import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto
from tests.twins.heard import Raised, raised, wrong
from tests.twins.town import PAIRS
from tests.twins.yard import Yard


def main() -> int:
    """Run once, and print a row for each alert."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: every process that was started is ended
    with tempfile.TemporaryDirectory(prefix="haulwatch-twins-") as folder:
        try:
            broker = Mosquitto(Path(folder) / "broker")
        except pytest.skip.Exception as exc:
            sys.stderr.write(f"cannot run: {exc}\n")
            return 2
        broker.start()
        haulwatch = Installation(Path(folder) / "data", {"HAULWATCH_MQTT_URL": broker.url})
        try:
            yard = Yard(haulwatch, broker)
            yard.run()
            found = raised(haulwatch.folder / "haulwatch.db")
        finally:
            haulwatch.close()
            broker.kill()
    faults = wrong(found, yard.labels)
    Console().print(_table(found))
    sys.stdout.write("\n".join([*faults, f"{time.monotonic() - began:.0f} s, {len(faults)} faults", ""]))
    return 1 if faults else 0


def _table(found: dict[str, list[Raised]]) -> Table:
    table = Table("dialect", "device", "rule", "phases", "severity", "began", "confirmed", "closed")
    for dialect, pair in PAIRS.items():
        for name, subject in (("native", pair.native), (dialect, pair.dialect)):
            for alert in found.get(subject, []):
                times = (alert.began_ms, alert.confirmed_ms, alert.closed_ms)
                phases = ", ".join(alert.phases)
                table.add_row(name, subject, alert.rule, phases, alert.severity, *map(_clock, times))
    return table


def _clock(ts: int | None) -> str:
    """UTC."""
    return "" if ts is None else time.strftime("%H:%M:%S", time.gmtime(ts / 1000)) + f".{ts % 1000:03d}"


if __name__ == "__main__":
    sys.exit(main())
