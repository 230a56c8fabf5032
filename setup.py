"""The package, with judgement as C extensions where that is asked for:

    COMPILE_JUDGEMENT=1 pip install --no-build-isolation .

mypyc compiles the very modules that run interpreted otherwise; it needs a C compiler, Python's headers and the
requirements of requirements-dev.lock. Everything else stands in pyproject.toml. See decision 44 in ARCHITECTURE.md.
"""

import os
from pathlib import Path

from setuptools import setup

COMPILED = (
    "devices/city.py",
    "devices/city_geometry.py",
    "devices/geometry.py",
    "devices/plane_grid.py",
    "devices/topics.py",
    "ingest/admission.py",
    "ingest/bookkeeping.py",
    "ingest/device_watch.py",
    "rules/bin_overflow.py",
    "rules/clock.py",
    "rules/closures.py",
    "rules/dossier.py",
    "rules/dumping_score.py",
    "rules/engine.py",
    "rules/illegal_dumping.py",
    "rules/incidents.py",
    "rules/outage.py",
    "rules/prefetch.py",
    "rules/reminders.py",
    "rules/reorder.py",
    "rules/route_deviation.py",
    "rules/silent_device.py",
    "rules/step.py",
    "rules/tracking/load.py",
    "rules/tracking/motion.py",
    "rules/tracking/quality.py",
    "rules/tracking/switches.py",
    "rules/tracking/track.py",
    "rules/verdicts.py",
    "rules/wording.py",
)
"""What a reading passes on its way to a verdict, and the sums of the ledger: pure, and without classes that pydantic or
msgspec build."""

if os.environ.get("COMPILE_JUDGEMENT") == "1":
    from mypyc.build import mypycify

    here = Path(__file__).parent
    missing = [name for name in COMPILED if not (here / name).exists()]
    if missing:
        raise SystemExit(f"setup.py: no such module to compile: {', '.join(missing)}")
    extensions = mypycify(list(COMPILED), opt_level="3", debug_level="0")
    for extension in extensions:
        # Or a compiler for ARM joins a product and a sum, and the last bit is another than Python's.
        extension.extra_compile_args.append("-ffp-contract=off")
    setup(ext_modules=extensions)
else:
    setup()
