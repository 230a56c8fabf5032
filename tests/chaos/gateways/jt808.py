"""Two thousand terminals of JT/T 808 through gateway, broker, collector and recorder, with the gateway killed.

    python -m tests.chaos.gateways.jt808 --terminals 2000 --reports 60 --kills 3
    python -m tests.chaos.gateways.jt808 --idle 10000

The second holds so many signed-in terminals that say nothing, and prints memory and processor time of the gateway.
Exit code 1 if a promise was broken.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from devices.codecs.jt808 import messages
from devices.codecs.jt808.frame import Frame, FrameReader, encode_frame, parse_frame
from haulwatch.process.open_files import allow_open_files
from tests.chaos.gateways.jt808_yard import Plan, Yard, cpu_s, judge
from tests.installation import Installation
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto

_SETTLE_S = 5.0
_WATCH_S = 30.0
_AT_ONCE = 200


def main() -> None:
    """Run as the options say, and print what was found as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.gateways.jt808", description=__doc__)
    parser.add_argument("--terminals", type=int, default=2_000)
    parser.add_argument("--reports", type=int, default=60, help="positions of each terminal")
    parser.add_argument("--pause-s", type=float, default=2.0, help="between two positions of a terminal")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--idle", type=int, default=0, help="instead: so many terminals that say nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder) / "broker")
        broker.start()
        haulwatch = Installation(Path(folder) / "data", {"HAULWATCH_MQTT_URL": broker.url})
        try:
            if options.idle:
                _print(asyncio.run(_idle(haulwatch, options.idle)))
                return
            allow_open_files(options.terminals)
            plan = Plan(options.terminals, options.reports, options.pause_s, options.kills, options.seed)
            outcome = Yard(haulwatch, plan).run()
            wrong = judge(outcome, plan)
            total = outcome.ledger["total"]
            _print(
                {"plan": asdict(plan), "tally": asdict(outcome.tally), "seconds": round(outcome.seconds, 1),
                 "stored_positions": sum(outcome.stored.values()),
                 "ledger": {name: total[name] for name in ("received", "stored", "duplicate", "quarantined", "queued")},
                 "balanced": outcome.ledger["balanced"], "gateway_cpu_s": outcome.gateway_cpu_s, "wrong": wrong}
            )  # fmt: skip
            if wrong:
                sys.exit(1)
        finally:
            haulwatch.close()
            broker.kill()


async def _idle(haulwatch: Installation, count: int) -> dict[str, object]:
    """Sign in so many terminals, and look at the gateway while they are silent."""
    port = free_port()
    allow_open_files(count)
    haulwatch.environment["HAULWATCH_JT808_PORT"] = str(port)
    haulwatch.start("gateway", "jt808")
    before = None
    gate = asyncio.Semaphore(_AT_ONCE)
    while before is None:
        await asyncio.sleep(0.2)
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            continue
        writer.close()
        before = _memory_kib(haulwatch.pid("gateway"))
    began = time.monotonic()

    async def one(number: int) -> asyncio.StreamWriter:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            phone, frames = f"{13_900_000_000 + number:012d}", FrameReader()
            card = messages.Registration(14, 500, "HWSIM", "HW-808", phone[-7:], 2, "晋E12345")
            writer.write(encode_frame(Frame(messages.Registration.ID, phone, 1, card.body())))
            code = messages.RegistrationAnswer.read(parse_frame(frames.feed(await reader.read(4_096))[0])).code
            writer.write(
                encode_frame(Frame(messages.Authentication.ID, phone, 2, messages.Authentication(code).body(None)))
            )
            assert messages.Answer.read(parse_frame(frames.feed(await reader.read(4_096))[0])).result == messages.DONE
            return writer

    writers = await asyncio.gather(*(one(number) for number in range(count)))
    signed_in_s = time.monotonic() - began
    await asyncio.sleep(_SETTLE_S)
    pid = haulwatch.pid("gateway")
    cpu, after = cpu_s(pid), _memory_kib(pid)
    await asyncio.sleep(_WATCH_S)
    idle_cpu_s = cpu_s(pid) - cpu
    status = json.loads((haulwatch.folder / "gateways" / "jt808_status.json").read_text(encoding="utf-8"))
    for writer in writers:
        writer.transport.abort()
    return {
        "terminals": count,
        "signed_in_s": round(signed_in_s, 1),
        "cpu_to_sign_in_s": cpu,
        "memory_before_mib": round(before / 1024, 1),
        "memory_mib": round(after / 1024, 1),
        "kib_each": round((after - before) / count, 2),
        "idle_cpu_percent_of_a_core": round(100 * idle_cpu_s / _WATCH_S, 2),
        "status": status["figures"],
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE),
    }


def _memory_kib(pid: int) -> int:
    """Resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def _print(found: object) -> None:
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
