"""`haulwatch kafka`: the raw log's topic on Apache Kafka."""

from dataclasses import asdict
from typing import Any, Final

import typer

from haulwatch.commands.shared import JsonFlag, exits_on_error, out, print_json, print_table
from haulwatch.settings.kafka_group import SHARED
from haulwatch.settings.load import load_settings
from haulwatch.wiring.log import kafka_connection, keep_ms
from ingest.log.kafka.figures import FleetFigures, KafkaFigures, PartitionFigures
from ingest.log.kafka.topic import create_topic, found_settings
from ingest.log.records import CONSUMERS

app = typer.Typer(no_args_is_help=True, help="The raw log on Apache Kafka: its topic, and how far its readers are.")

_DAY_MS: Final = 86_400_000


@app.command()
@exits_on_error
def init(as_json: JsonFlag = False) -> None:
    """Create the topic, or give one that is there the settings it should have. Changes no message.

    Exit code 0: it is there. 1: it is not, or has another number of partitions; standard error says why.
    """
    settings = load_settings()
    connection = kafka_connection(settings)
    created = create_topic(connection, keep_ms(settings), settings.kafka.replicas)
    if as_json:
        print_json({"topic": connection.topic, "created": created, "partitions": connection.partitions})
        return
    was = "was created" if created else "is there, and has its settings"
    out.print(f"topic {connection.topic} {was}: {connection.partitions} partitions", markup=False)


@app.command()
@exits_on_error
def status(as_json: JsonFlag = False) -> None:
    """Show the topic, its replicas, and how many messages each reader has still to read, by partition."""
    settings = load_settings()
    connection = kafka_connection(settings)
    asked = KafkaFigures(connection)
    topic, figures = found_settings(connection), asked.partitions()
    unread = {consumer: sum(one.lag(consumer) for one in figures) for consumer in CONSUMERS}
    judges = asked.fleet() if settings.kafka.judge == SHARED else None
    facts: dict[str, Any] = {
        "topic": connection.topic,
        "partitions": len(figures),
        "replicas": int(topic["replicas"]),
        "in_sync": int(topic["in sync"]),
        "keep_ms": int(topic["retention.ms"]),
        "messages": sum(one.end - one.first for one in figures),
        "unread": unread,
        "fleet": None if judges is None else asdict(judges),
    }
    if as_json:
        by_partition = [
            {
                "partition": one.partition,
                "first": one.first,
                "end": one.end,
                "read": dict(one.read),
                "leader": one.leader,
                "replicas": one.replicas,
                "in_sync": one.in_sync,
            }
            for one in figures
        ]
        print_json(facts | {"by_partition": by_partition})
        return
    days = facts["keep_ms"] / _DAY_MS
    rows: list[tuple[str, object]] = [
        ("topic", f"{connection.topic}, {facts['partitions']} partitions"),
        ("replicas", f"{facts['in_sync']} of {facts['replicas']} in sync, where they are fewest"),
        ("kept", "for ever" if days < 0 else f"{days:g} days, read or not"),
        ("messages", f"{facts['messages']:,}"),
        *((f"unread by {consumer}", f"{count:,}") for consumer, count in unread.items()),
        *(() if judges is None else _rows_of(judges)),
    ]
    print_table("raw log on Kafka", ("what", ""), rows)
    behind = sorted(figures, key=_urgency, reverse=True)
    print_table(
        "partitions with most to read, and those that lack replicas",
        ("partition", "broker", "in sync", "first", "end", *(f"unread by {consumer}" for consumer in CONSUMERS)),
        [
            (
                str(one.partition),
                "none" if one.leader < 0 else str(one.leader),
                f"{one.in_sync} of {one.replicas}",
                one.first,
                one.end,
                *(one.lag(consumer) for consumer in CONSUMERS),
            )
            for one in behind[:8]
        ],
    )


def _rows_of(judges: FleetFigures) -> list[tuple[str, object]]:
    return [
        ("verdicts judged by", f"{judges.owner or 'nobody'}, {max(judges.members - 1, 0)} would take over"),
        ("verdicts after what was kept", f"{judges.lag:,}, ends of transactions included"),
    ]


def _urgency(one: PartitionFigures) -> tuple[bool, int, int]:
    return one.leader < 0, one.replicas - one.in_sync, max(one.lag(consumer) for consumer in CONSUMERS)
