"""The package, with judgement as C extensions where that is asked for:

    COMPILE_JUDGEMENT=1 pip install --no-build-isolation .

mypyc compiles the very modules that run interpreted otherwise; it needs a C compiler, Python's headers and the
requirements of requirements-dev.lock. Everything else stands in pyproject.toml. See decision 44 in ARCHITECTURE.md.
"""

import os
from pathlib import Path

from setuptools import setup

COMPILED = (
    "devices/city/hours.py",
    "devices/city/sites.py",
    "devices/city/device.py",
    "devices/city/haulage.py",
    "devices/city/approvals.py",
    "devices/city/model.py",
    "devices/city/region.py",
    "devices/city/geometry.py",
    "devices/city/zones.py",
    "devices/geo/geometry.py",
    "devices/geo/plane_grid.py",
    "devices/geo/gcj02.py",
    "devices/geo/gcj02_plane.py",
    "devices/codecs/topics.py",
    "ingest/admission.py",
    "ingest/judge/judge_record.py",
    "ingest/ledger/totals.py",
    "ingest/ledger/device_health.py",
    "rules/detectors/bed_raised_outside/judgement.py",
    "rules/detectors/bin_fire/judgement.py",
    "rules/detectors/bin_overflow/judgement.py",
    "rules/detectors/cannot_be_judged/judgement.py",
    "rules/detectors/deposit_outside_hours/judgement.py",
    "rules/detectors/device_clock/judgement.py",
    "rules/detectors/device_datum/judgement.py",
    "rules/detectors/forbidden_zone/judgement.py",
    "rules/detectors/gnss_anomaly/interference.py",
    "rules/detectors/gnss_anomaly/judgement.py",
    "rules/detectors/gnss_anomaly/state.py",
    "rules/detectors/left_jurisdiction/judgement.py",
    "rules/detectors/manifest_overdue/judgement.py",
    "rules/detectors/mass_shortfall/judgement.py",
    "rules/detectors/mixed_haulage/haul.py",
    "rules/detectors/mixed_haulage/judgement.py",
    "rules/detectors/outside_permitted_area/judgement.py",
    "rules/detectors/zone_rule.py",
    "rules/engine/clocks/candidates.py",
    "rules/engine/clocks/device_clock.py",
    "rules/engine/clocks/doubts.py",
    "rules/engine/clocks/quorum.py",
    "rules/engine/clocks/runs.py",
    "rules/engine/clocks/tickets.py",
    "rules/engine/clocks/watermark.py",
    "rules/detectors/route_deviation/closures.py",
    "rules/detectors/route_deviation/excursion.py",
    "rules/detectors/route_deviation/receiver_error.py",
    "rules/detectors/route_deviation/unseen.py",
    "rules/engine/awaited.py",
    "rules/engine/device_judge.py",
    "rules/engine/device_state.py",
    "rules/detectors/illegal_dumping/afterwards.py",
    "rules/detectors/illegal_dumping/evidence.py",
    "rules/detectors/illegal_dumping/score.py",
    "rules/detectors/illegal_dumping/short_loads.py",
    "rules/engine/engine.py",
    "rules/engine/rows/unwritten.py",
    "rules/detectors/illegal_dumping/judgement.py",
    "rules/engine/late/amendments.py",
    "rules/engine/fleet_judge.py",
    "rules/engine/late/kept_gaps.py",
    "rules/engine/late/late_judge.py",
    "rules/engine/late/late_readings.py",
    "rules/engine/late/reading_pack.py",
    "rules/engine/late/second_judgement.py",
    "rules/engine/incidents/excuses.py",
    "rules/engine/incidents/folding.py",
    "rules/engine/incidents/incident.py",
    "rules/engine/incidents/machine.py",
    "rules/engine/routing.py",
    "rules/engine/device_rules.py",
    "rules/engine/rules_in_force.py",
    "rules/detectors/suspected_site/judgement.py",
    "rules/detectors/silent_device/areas.py",
    "rules/detectors/silent_device/outage.py",
    "rules/engine/timers.py",
    "rules/engine/tracker_set.py",
    "rules/engine/reorder_buffer.py",
    "rules/detectors/route_deviation/judgement.py",
    "rules/detectors/silent_device/judgement.py",
    "rules/detectors/silent_device/state.py",
    "rules/detectors/sensor_fault/judgement.py",
    "rules/detectors/sensor_fault/state.py",
    "rules/detectors/speeding/judgement.py",
    "rules/detectors/restricted_hours/judgement.py",
    "rules/detectors/station_backlog/judgement.py",
    "rules/detectors/stopped_loaded/jams.py",
    "rules/detectors/stopped_loaded/judgement.py",
    "rules/detectors/uncovered_load/judgement.py",
    "rules/detectors/unknown_plate/judgement.py",
    "rules/weighing/bands.py",
    "rules/detectors/weighbridge_integrity/bridges.py",
    "rules/detectors/weighbridge_integrity/findings.py",
    "rules/detectors/weighbridge_integrity/judgement.py",
    "rules/detectors/weighbridge_integrity/shifts.py",
    "rules/detectors/weighbridge_integrity/state.py",
    "rules/detectors/weighbridge_integrity/trucks.py",
    "rules/contract/observation.py",
    "rules/manifests/machine.py",
    "rules/manifests/model.py",
    "rules/tracking/crossing.py",
    "rules/tracking/datum.py",
    "rules/tracking/emptyings.py",
    "rules/tracking/load.py",
    "rules/tracking/manifest_book.py",
    "rules/tracking/manifest_weighings.py",
    "rules/tracking/manifests.py",
    "rules/tracking/motion.py",
    "rules/tracking/quality.py",
    "rules/tracking/reach.py",
    "rules/tracking/stays.py",
    "rules/tracking/switches.py",
    "rules/tracking/track.py",
    "rules/contract/verdicts.py",
    "rules/contract/wording.py",
)
"""What a reading passes on its way to a verdict, and the sums of the ledger: pure, and without classes that pydantic or
msgspec build. The words of a rule (`wording.py`) are only asked for while something is wrong, and stay interpreted."""

if os.environ.get("COMPILE_JUDGEMENT") == "1":
    from mypyc.build import mypycify

    here = Path(__file__).parent
    missing = [name for name in COMPILED if not (here / name).exists()]
    if missing:
        raise SystemExit(f"setup.py: no such module to compile: {', '.join(missing)}")
    # COMPILE_OPT_LEVEL=1 is for tests: the same C, compiled in less time.
    extensions = mypycify(list(COMPILED), opt_level=os.environ.get("COMPILE_OPT_LEVEL", "3"), debug_level="0")
    for extension in extensions:
        # Or a compiler for ARM joins a product and a sum, and the last bit is another than Python's.
        extension.extra_compile_args.append("-ffp-contract=off")
        # For this warning GCC reads the file again and again from its beginning: minutes for a file of 700,000 lines.
        extension.extra_compile_args.append("-Wno-misleading-indentation")
    # All judgement is one C file, on which one core is busy for minutes. The others compile the modules that load it.
    setup(ext_modules=extensions, options={"build_ext": {"parallel": os.cpu_count() or 1}})
else:
    setup()
