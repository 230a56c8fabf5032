"""Measures all of it: `python -m tests.rules.power`, some ten minutes on one core; `--help` for parts of it."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from tests.rules.power.detours import Detour, detours, shifted, standing
from tests.rules.power.drives import Drive, bus, car, garbage_trucks, made_up
from tests.rules.power.figures import power, quietness
from tests.rules.power.terminals import QUIET, Noise, Terminal

CLASSES: Final = ((45, 90), (90, 120), (120, 180), (180, 300), (300, 600))
PACES: Final = {"at work": (5, 20), "city": (20, 40), "main road": (40, 60), "trunk road": (60, 120)}
"""Mean speeds, km/h, stops included, of stretches of 1 km. Trucks of the field are mostly held to 40 km/h in a city."""
INTERVALS_S: Final = (5, 10, 15, 30, 60)
NOISES: Final = {
    "as driven": Noise(),
    "white 4 m": Noise(4.0),
    "white 12 m": Noise(12.0),
    "white 30 m": Noise(30.0),
    "12 m, outliers": Noise(12.0, outliers=0.05),
    "drifting 30 m": Noise(4.0, drifting_m=30.0),
}
DRIFTS_AGAIN: Final = 3
"""Drives are played so often with drifting noise, to have more than 121 h."""


def main() -> None:
    asks = argparse.ArgumentParser(description=__doc__)
    asks.add_argument("--cases", type=int, default=200, help="detours of each class")
    asks.add_argument("--seed", type=int, default=1)
    asks.add_argument("--recordings", type=Path, default=Path("../shared/data"))
    asks.add_argument("--part", choices=["detours", "quiet", "drifting"], help="default: detours and quiet")
    asked = asks.parse_args()
    real = list[Drive]()
    if asked.recordings.is_dir():
        real = [bus(asked.recordings), car(asked.recordings), *garbage_trucks(asked.recordings)]
    else:
        sys.stdout.write(f"no recordings in {asked.recordings}: made-up drives only\n")
    if asked.part in {None, "detours"}:
        _print(_detour_lines(real, asked.cases, asked.seed))
    if asked.part != "detours":
        chosen = {name: noise for name, noise in NOISES.items() if asked.part != "drifting" or noise.drifting_m}
        _print(_quiet_lines(real, chosen, asked.seed))


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _detour_lines(real: list[Drive], count: int, seed: int) -> Iterator[str]:
    dice = np.random.default_rng(seed)
    made = [made_up(dice, f"made up {n}", 3600) for n in range(20)]
    for name, drives in (("real", real), ("made up", made)):
        for label, cases in _cases(drives, dice, count) if drives else ():
            if len(cases) < count // 2:
                continue  # nobody drove so fast
            loaded = {"load": "loaded"} if label.startswith("standing") else {}
            for tells in (True, False):
                shares, words = [], []
                for interval_s in (10, 30, 60):
                    found = power(cases, Terminal(interval_s, tells), QUIET, seed, **loaded)
                    shares.append(f"{found.share_pct:.1f}")
                    words.append(f"{found.told()}, twice {found.twice}")
                fields = "all fields" if tells else "place only"
                yield f"{name:8}{label:17}{fields:12}{' / '.join(shares):24}{'; '.join(words)}"


def _cases(drives: list[Drive], dice: np.random.Generator, count: int) -> Iterator[tuple[str, list[Detour]]]:
    for since, until in CLASSES:
        yield f"{since}-{until} s", list(detours(drives, dice, (since, until), count))
    for pace, kmh in PACES.items():
        yield f"1 km, {pace}", list(shifted(drives, dice, kmh, count))
    yield "standing 20 min", [standing(drives[n % len(drives)], dice) for n in range(count // 2)]


def _quiet_lines(real: list[Drive], noises: dict[str, Noise], seed: int) -> Iterator[str]:
    dice = np.random.default_rng(seed)
    made = [made_up(dice, f"made up {n}", 3600) for n in range(40)]
    for label, noise in noises.items():
        for name, drives in (("real", real), ("made up", made)):
            many = drives * DRIFTS_AGAIN if noise.drifting_m else drives
            for tells in (True, False) if many else ():
                row = [
                    f"{interval_s} s: {quietness(many, Terminal(interval_s, tells, lost=0.2), noise, seed).told()}"
                    for interval_s in INTERVALS_S
                ]
                yield f"{name:8}{label:17}{'all fields' if tells else 'place only':12}{'; '.join(row)}"


if __name__ == "__main__":
    main()
