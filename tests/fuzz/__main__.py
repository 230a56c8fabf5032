"""`python -m tests.fuzz`: random and mutated messages through the whole path.

Exit code 0: every check held for every message. 1: findings, each shown with a message that causes it.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Final

from tests.fuzz.dialects import DialectOutcome, fuzz_dialects
from tests.fuzz.frames import FrameOutcome, fuzz_frames
from tests.fuzz.path import Finding, Outcome
from tests.fuzz.run import fuzz

_SHOWN: Final = 300
_FRAMES_SHOWN: Final = 10


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if options.frames is not None:
        return _frames(options.seed, options.frames)
    if options.dialects is not None:
        return _dialects(options.seed, options.dialects)
    began, began_cpu = time.monotonic(), time.process_time()

    def go_on(outcome: Outcome) -> bool:
        sys.stderr.write(f"\r{outcome.messages:,} messages, {len(outcome.findings)} findings ")
        return options.seconds is None or time.monotonic() - began < options.seconds

    outcome = fuzz(options.seed, options.payloads, go_on=go_on)
    took_s, cpu_s = time.monotonic() - began, time.process_time() - began_cpu
    findings = _smallest(outcome.findings)
    for finding in findings:
        message = finding.message
        sys.stdout.write(f"\n{finding.what}\n  topic {message.topic[:_SHOWN]!r}, received at {message.received_at}\n")
        sys.stdout.write(f"  {len(message.payload)} bytes: {message.payload[:_SHOWN]!r}\n")
    refused = ", ".join(f"{reason} {count:,}" for reason, count in outcome.refused.most_common())
    sys.stdout.write(
        f"\n{outcome.messages:,} messages (seed {options.seed}) in {took_s:.0f} s, {cpu_s:.0f} s of CPU\n"
        f"{outcome.accepted:,} readings accepted, {sum(outcome.refused.values()):,} refused: {refused}\n"
        f"{outcome.changes:,} alert changes; slowest message {outcome.slowest_ms:.0f} ms of CPU\n"
        f"{len(findings)} findings ({len(outcome.findings)} messages)\n"
    )
    return 1 if findings else 0


def _frames(seed: int, frames: int) -> int:
    """Read mutated frames of JT/T 808 instead."""
    began_cpu = time.process_time()

    def go_on(outcome: FrameOutcome) -> bool:
        sys.stderr.write(f"\r{outcome.frames:,} frames, {len(outcome.findings)} findings ")
        return True

    outcome = fuzz_frames(seed, frames, go_on=go_on)
    for what, payload in sorted(outcome.findings, key=lambda finding: len(finding[1]))[:_FRAMES_SHOWN]:
        sys.stdout.write(f"\n{what}\n  {len(payload)} bytes: {payload[:_SHOWN].hex()}\n")
    refused = ", ".join(f"{reason} {count:,}" for reason, count in outcome.refused.most_common())
    sys.stdout.write(
        f"\n{outcome.frames:,} frames (seed {seed}), {time.process_time() - began_cpu:.0f} s of CPU\n"
        f"{outcome.readings:,} readings, refused: {refused}\n{len(outcome.findings)} findings\n"
    )
    return 1 if outcome.findings else 0


def _dialects(seed: int, messages: int) -> int:
    """Read mutated messages of the other dialects instead."""
    began_cpu = time.process_time()

    def go_on(outcome: DialectOutcome) -> bool:
        sys.stderr.write(f"\r{outcome.messages.total():,} messages, {len(outcome.findings)} findings ")
        return True

    outcome = fuzz_dialects(seed, messages, go_on=go_on)
    by_kind = dict(sorted(outcome.findings, key=lambda one: -len(one[1])))
    for what, payload in list(by_kind.items())[-_FRAMES_SHOWN:]:
        sys.stdout.write(f"\n{what}\n  {len(payload)} bytes: {payload[:_SHOWN]!r}\n")
    for name, count in outcome.messages.items():
        sys.stdout.write(f"\n{name}: {count:,} messages, {outcome.readings[name]:,} readings or frames")
    refused = ", ".join(f"{reason} {count:,}" for reason, count in outcome.refused.most_common())
    sys.stdout.write(
        f"\n{outcome.messages.total():,} messages (seed {seed}), {time.process_time() - began_cpu:.0f} s of CPU, "
        f"slowest {outcome.slowest_s * 1000:.0f} ms\nrefused: {refused}\n{len(outcome.findings)} findings\n"
    )
    return 1 if outcome.findings else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=…", description="Mutated messages through the whole path.")
    parser.add_argument("--payloads", type=int, default=1_000_000, help="how many; a million takes ten minutes or more")
    parser.add_argument(
        "--frames", type=int, help="instead, so many mutated frames of JT/T 808; a million: ten minutes"
    )
    parser.add_argument(
        "--dialects", type=int, help="instead, so many messages of network servers, Sparkplug, scales and phones"
    )
    parser.add_argument("--seconds", type=float, help="stop after this time")
    parser.add_argument("--seed", type=int, default=1, help="the same seed sends the same messages")
    return parser.parse_args(arguments)


def _smallest(findings: Sequence[Finding]) -> list[Finding]:
    """One finding of each kind, with the shortest payload."""
    by_kind: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda finding: len(finding.message.payload), reverse=True):
        by_kind[finding.what] = finding
    return list(by_kind.values())


if __name__ == "__main__":
    sys.exit(main())
