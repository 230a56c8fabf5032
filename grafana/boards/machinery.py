"""The machinery behind ingestion health: store writes, broker, collector's sessions, disk."""

from typing import Final

from grafana.parts import palette
from grafana.parts.panels import BoardBuilder, GridPosition, Override, lines
from grafana.parts.queries import Query, Series, health
from grafana.parts.wording import Text

EVERY: Final = "1m"
"""Four looks: a rate over less is mostly noise."""
RIGHT: Final = {"custom.axisPlacement": "right"}

_COLLECTOR: Final = health("collector")
_RECORDER: Final = health("recorder")
_BROKER: Final = health("broker")
_DISK: Final = health("disk")


def rate(series: Series, field: str) -> str:
    """How much a counter grows in a second; where it falls, nothing."""
    return series.select(f"non_negative_derivative(last({series[field]}), 1s)", by=series.by(each_interval=True))


def course(series: Series, how: str, field: str, *by: str) -> str:
    """A figure over time; `how` joins the looks of one interval."""
    return series.select(f"{how}({series[field]})", by=series.by(*by, each_interval=True))


def put(house: BoardBuilder, *, below: int) -> None:
    """Six panels, three a row, from row `below` of the grid on."""
    panels: tuple[tuple[Text, Text, str, list[Query], list[Override]], ...] = (
        (
            Text("Store writes", "存储写入用时"),
            Text(
                "Time of the recorder's writes: the last, and the slowest of the last hundred. Gaps: it waits for the "
                "store.",
                "记录进程写入用时：最近一次及最近百次中最慢一次。断线表示正在等待存储。",
            ),
            "ms",
            [
                Query(course(_RECORDER, "max", "write_ms"), alias="write_ms"),
                Query(course(_RECORDER, "max", "slowest_write_ms"), alias="slowest_write_ms", ref="B"),
            ],
            [
                Override("write_ms", title=Text("last", "最近"), colour=palette.BLUE),
                Override("slowest_write_ms", title=Text("slowest of 100", "百次最慢"), colour=palette.ORANGE),
            ],
        ),
        (
            Text("Waiting for the store", "等待写入"),
            Text(
                "Points still to be written, and whether the recorder waits (1) for store or disk.",
                "等待写入的数据点，以及记录进程是否在等待存储或磁盘（1 为等待）。",
            ),
            "short",
            [
                Query(course(_RECORDER, "max", "pending"), alias="pending"),
                Query(course(_RECORDER, "max", "waits"), alias="waits", ref="B"),
            ],
            [
                Override("pending", title=Text("points", "数据点"), colour=palette.BLUE),
                Override("waits", title=Text("waits", "等待"), unit="none", colour=palette.VERMILLION, more=RIGHT),
            ],
        ),
        (
            Text("Broker", "消息服务"),
            Text(
                "Clients connected (left), messages queued for them, and messages the broker dropped per second "
                "(right). Any "
                "drop is loss: raise its queue limits. Empty: the broker gives no figures ($SYS).",
                "连接数（左轴）、排队消息及每秒丢弃消息（右轴）。丢弃即丢失，请提高队列上限。空白表示消息服务不提供 "
                "$SYS 统计。",
            ),
            "short",
            [
                Query(course(_BROKER, "last", "connected_clients"), alias="connected_clients"),
                Query(course(_BROKER, "last", "queued_messages"), alias="queued_messages", ref="B"),
                Query(rate(_BROKER, "dropped_messages"), alias="dropped_messages", ref="C"),
            ],
            [
                Override("connected_clients", title=Text("clients", "连接数"), colour=palette.BLUE),
                Override("queued_messages", title=Text("queued", "排队"), colour=palette.ORANGE),
                Override(
                    "dropped_messages",
                    title=Text("dropped", "丢弃"),
                    unit="cps",
                    colour=palette.VERMILLION,
                    more=RIGHT,
                ),
            ],
        ),
        (
            Text("Collector's sessions", "采集会话"),
            Text(
                "Reconnects since its process began. Several an hour: the network to the broker is bad, or another "
                "client "
                "uses the same client id.",
                "采集进程启动以来的重连次数。每小时数次说明网络不稳或有其他客户端使用相同标识。",
            ),
            "none",
            [Query(course(_COLLECTOR, "last", "reconnects"), alias="reconnects")],
            [Override("reconnects", title=Text("reconnects", "重连次数"), colour=palette.PURPLE)],
        ),
        (
            Text("Messages taken", "消息接收"),
            Text(
                "Messages per second that the collector made durable and acknowledged, and whether its disk is full "
                "(1).",
                "采集进程每秒落盘并确认的消息数，以及磁盘是否已满（1 为已满）。",
            ),
            "cps",
            [
                Query(rate(_COLLECTOR, "messages"), alias="messages"),
                Query(course(_COLLECTOR, "max", "disk_full"), alias="disk_full", ref="B"),
            ],
            [
                Override("messages", title=Text("messages", "消息"), colour=palette.GREEN),
                Override(
                    "disk_full",
                    title=Text("disk full", "磁盘已满"),
                    unit="none",
                    colour=palette.VERMILLION,
                    more=RIGHT,
                ),
            ],
        ),
        (
            Text("Disk", "磁盘"),
            Text(
                "Free space beside the size of the disk that holds the raw log. Extrapolate before a holiday.",
                "原始日志所在磁盘的剩余空间与总容量；节假日前请预估余量。",
            ),
            "bytes",
            [
                Query(course(_DISK, "last", "free_bytes"), alias="free_bytes"),
                Query(course(_DISK, "last", "size_bytes"), alias="size_bytes", ref="B"),
            ],
            [
                Override("free_bytes", title=Text("free", "剩余"), colour=palette.GREEN),
                Override("size_bytes", title=Text("size", "容量"), colour=palette.GREY),
            ],
        ),
    )
    for at, (title, description, unit, queries, overrides) in enumerate(panels):
        house.put(
            lines(),
            GridPosition(8 * (at % 3), below + 8 * (at // 3), 8, 8),
            title,
            description,
            queries,
            unit=unit,
            every=EVERY,
            overrides=overrides,
            more={"min": 0},
        )
