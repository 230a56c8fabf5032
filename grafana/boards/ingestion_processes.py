"""Panels of board Ingestion health on the processes: store writes, broker, sessions of the collector, disk."""

from typing import Final

from grafana.parts import palette
from grafana.parts.panels import PER_SECOND, BoardBuilder, GridPosition, Override, line_panel
from grafana.parts.queries import Query, Series, health
from grafana.parts.wording import Phrase

EVERY: Final = "1m"
"""Four reports of 15 s: a rate over a shorter time is mostly noise."""
RIGHT: Final = {"custom.axisPlacement": "right"}

_COLLECTOR: Final = health("collector")
_RECORDER: Final = health("recorder")
_BROKER: Final = health("broker")
_DISK: Final = health("disk")


def rate(series: Series, field: str) -> str:
    """A query of a counter's growth per second; no value where it falls."""
    return series.select(f"non_negative_derivative(last({series[field]}), 1s)", by=series.by(each_interval=True))


def over_time(series: Series, how: str, field: str, *by: str) -> str:
    """A query of a figure over time. `how`: the function that joins the reports of one interval."""
    return series.select(f"{how}({series[field]})", by=series.by(*by, each_interval=True))


def add_panels(builder: BoardBuilder, *, below: int) -> None:
    """Add six panels, three per row, from row `below` of the grid."""
    panels: tuple[tuple[Phrase, Phrase, str, list[Query], list[Override]], ...] = (
        (
            Phrase("Store writes", "存储写入用时"),
            Phrase(
                "Write times of the recorder: the last, and the slowest of the last hundred. Gaps: the recorder "
                "waits for the store.",
                "记录进程写入用时：最近一次及最近百次中最慢一次。断线表示正在等待存储。",
            ),
            "ms",
            [
                Query(over_time(_RECORDER, "max", "write_ms"), alias="write_ms"),
                Query(over_time(_RECORDER, "max", "slowest_write_ms"), alias="slowest_write_ms", ref="B"),
            ],
            [
                Override("write_ms", title=Phrase("last", "最近"), colour=palette.BLUE),
                Override("slowest_write_ms", title=Phrase("slowest of 100", "百次最慢"), colour=palette.ORANGE),
            ],
        ),
        (
            Phrase("Waiting for the store", "等待写入"),
            Phrase(
                "Points not yet written, and whether the recorder waits (1) for store or disk.",
                "等待写入的数据点，以及记录进程是否在等待存储或磁盘（1 为等待）。",
            ),
            "short",
            [
                Query(over_time(_RECORDER, "max", "pending"), alias="pending"),
                Query(over_time(_RECORDER, "max", "waits"), alias="waits", ref="B"),
            ],
            [
                Override("pending", title=Phrase("points", "数据点"), colour=palette.BLUE),
                Override("waits", title=Phrase("waits", "等待"), unit="none", colour=palette.VERMILLION, more=RIGHT),
            ],
        ),
        (
            Phrase("Broker", "消息服务"),
            Phrase(
                "Connected clients (left), messages queued for them, and messages that the broker dropped per second "
                "(right). Every dropped message is lost: raise the queue limits of the broker. Empty: the broker "
                "publishes no statistics ($SYS).",
                "连接数（左轴）、排队消息及每秒丢弃消息（右轴）。丢弃即丢失，请提高队列上限。空白表示消息服务不提供 "
                "$SYS 统计。",
            ),
            "short",
            [
                Query(over_time(_BROKER, "last", "connected_clients"), alias="connected_clients"),
                Query(over_time(_BROKER, "last", "queued_messages"), alias="queued_messages", ref="B"),
                Query(rate(_BROKER, "dropped_messages"), alias="dropped_messages", ref="C"),
            ],
            [
                Override("connected_clients", title=Phrase("clients", "连接数"), colour=palette.BLUE),
                Override("queued_messages", title=Phrase("queued", "排队"), colour=palette.ORANGE),
                Override(
                    "dropped_messages",
                    title=Phrase("dropped", "丢弃"),
                    unit=PER_SECOND,
                    colour=palette.VERMILLION,
                    more=RIGHT,
                ),
            ],
        ),
        (
            Phrase("Collector's sessions", "采集会话"),
            Phrase(
                "Reconnects since the collector started. Several per hour: the network to the broker is bad, or "
                "another client uses the same client id.",
                "采集进程启动以来的重连次数。每小时数次说明网络不稳或有其他客户端使用相同标识。",
            ),
            "none",
            [Query(over_time(_COLLECTOR, "last", "reconnects"), alias="reconnects")],
            [Override("reconnects", title=Phrase("reconnects", "重连次数"), colour=palette.PURPLE)],
        ),
        (
            Phrase("Messages received", "消息接收"),
            Phrase(
                "Messages per second that the collector wrote to disk and acknowledged, and whether its disk is full "
                "(1).",
                "采集进程每秒落盘并确认的消息数，以及磁盘是否已满（1 为已满）。",
            ),
            PER_SECOND,
            [
                Query(rate(_COLLECTOR, "messages"), alias="messages"),
                Query(over_time(_COLLECTOR, "max", "disk_full"), alias="disk_full", ref="B"),
            ],
            [
                Override("messages", title=Phrase("messages", "消息"), colour=palette.GREEN),
                Override(
                    "disk_full",
                    title=Phrase("disk full", "磁盘已满"),
                    unit="none",
                    colour=palette.VERMILLION,
                    more=RIGHT,
                ),
            ],
        ),
        (
            Phrase("Disk", "磁盘"),
            Phrase(
                "Free space on the disk of the raw log, and the size of the raw log. Estimate the free space in "
                "advance before a holiday.",
                "原始日志所在磁盘的剩余空间与原始日志的大小；节假日前请预估余量。",
            ),
            "bytes",
            [
                Query(over_time(_DISK, "last", "free_bytes"), alias="free_bytes"),
                Query(over_time(_DISK, "last", "size_bytes"), alias="size_bytes", ref="B"),
            ],
            [
                Override("free_bytes", title=Phrase("free", "剩余"), colour=palette.GREEN),
                Override("size_bytes", title=Phrase("raw log", "原始日志"), colour=palette.GREY),
            ],
        ),
    )
    for at, (title, description, unit, queries, overrides) in enumerate(panels):
        builder.add_panel(
            line_panel(),
            GridPosition(8 * (at % 3), below + 8 * (at // 3), 8, 8),
            title,
            description,
            queries,
            unit=unit,
            every=EVERY,
            overrides=overrides,
            more={"min_val": 0},
        )
