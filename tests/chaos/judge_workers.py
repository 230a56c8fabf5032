"""`python -m tests.chaos.judge_workers`: judges that share Kafka's partitions, and a hundred events that move them.

Exit code 0: no alert missed, none otherwise than in one log, every partition taken over. 1: not so. 2: cannot run here.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from statistics import median

import pytest

from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic
from tests.judge_workers.events import KINDS, begun, run_events, settle
from tests.judge_workers.honest_day import honest_day
from tests.judge_workers.yard import yard
from tests.servers.kafka import KafkaServer, kafka_absent

PARTITIONS = 7
WORKERS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if (reason := kafka_absent()) is not None:
        sys.stderr.write(f"cannot run: {reason}\n")
        return 2
    dice = Random(options.seed)
    kinds = [dice.choice(KINDS) for _ in range(options.events)]
    folder = Path(tempfile.mkdtemp(prefix="haulwatch-judges-"))
    server = KafkaServer(folder / "kafka")
    began = time.monotonic()
    try:
        server.start()
        connection = KafkaConnection(server.servers, "chaos", PARTITIONS)
        create_topic(connection, keep_ms=0, replicas=1)
        messages, log = list(honest_day()), KafkaLog(connection, "collector")
        with yard(connection, folder, WORKERS) as workers:
            begun(workers)
            run_events(workers, log, messages, kinds, options.seed)
            lost = sum(len(partitions) for _, _, partitions in workers.losses)
            handovers = [seconds for seconds in workers.handovers() if seconds is not None]
            outcome = settle(workers, messages)
        log.close()
    except pytest.fail.Exception as exc:
        sys.stderr.write(f"{exc}\nall files are kept in {folder}\n")
        return 1
    finally:
        server.kill()
    by_kind = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(kinds).items()))
    sys.stdout.write(
        f"{len(kinds)} events ({by_kind}) in {time.monotonic() - began:.0f} s, {len(messages):,} messages\n"
        f"partitions lost {lost}, taken over {len(handovers)}: median {median(handovers):.1f} s, worst "
        f"{max(handovers):.1f} s\n"
        f"alert changes {outcome.expected}: missed {len(outcome.missed)}, otherwise {len(outcome.extra)}, "
        f"repeated otherwise {len(outcome.conflicts)}\n"
    )
    if outcome.good:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
