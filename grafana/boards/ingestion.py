"""Ingestion health: dispositions of readings, lag, refusals, clocks, broker, store and disk."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from grafana.boards import ingestion_processes
from grafana.boards.ingestion_processes import EVERY, RIGHT, over_time, rate
from grafana.parts import frame, palette
from grafana.parts.alerts import label_column
from grafana.parts.palette import ThresholdStep
from grafana.parts.panels import (
    HIDDEN,
    PER_SECOND,
    BoardBuilder,
    GridPosition,
    Override,
    bar_panel,
    gauge_panel,
    line_panel,
    stat_panel,
    table_panel,
    value_mappings,
)
from grafana.parts.queries import Query, health, table_query
from grafana.parts.wording import LIMITS, REASONS, Phrase

_DESCRIPTION: Final = Phrase(
    "Ledger, lag, quarantine, clocks, broker, store and disk. The API process writes these figures to the store "
    "every 15 seconds. If all panels are empty, it does not run or the store is unavailable.",
    "台账、滞后、隔离、时钟、消息服务、存储与磁盘；由 API 进程每 15 秒写入存储。全部空白表示该进程未运行或存储不可用。",
)
_LEDGER: Final = health("ledger")
_QUARANTINE: Final = health("quarantine")
_CONSUMER: Final = health("consumer")
_COLLECTOR: Final = health("collector")
_RECORDER: Final = health("recorder")
_CLOCK: Final = health("clock")
_DISK: Final = health("disk")
_OVER_LIMIT: Final = health("over_limit")
_DISK_STEPS: Final[tuple[ThresholdStep, ...]] = (
    (None, palette.VERMILLION),
    (5e9, palette.ORANGE),
    (20e9, palette.GREEN),
)
_CLOCK_STEPS: Final[tuple[ThresholdStep, ...]] = (
    (None, palette.GREEN),
    (30_000.0, palette.ORANGE),
    (palette.MAX_CLOCK_AHEAD_MS, palette.VERMILLION),
)
_WRITE_STEPS: Final[tuple[ThresholdStep, ...]] = (
    (None, palette.GREEN),
    (500.0, palette.ORANGE),
    (2000.0, palette.VERMILLION),
)


def board(builder: BoardBuilder) -> model.Dashboard:
    """The board in one language."""
    _figures(builder)
    _ledger(builder)
    _refused(builder)
    _over_limit(builder)
    ingestion_processes.add_panels(builder, below=28)
    return frame.assemble("ingestion", builder, _DESCRIPTION, [], since="3h", refresh="15s")


def _figures(builder: BoardBuilder) -> None:
    figures = (
        (
            Phrase("Collector", "采集"),
            Phrase(
                "Whether the collector is subscribed at the broker. If not, the broker keeps its messages: start the "
                "collector.",
                "采集进程是否已订阅消息服务。断开时消息由消息服务保留，请尽快恢复。",
            ),
            _COLLECTOR.select(f"last({_COLLECTOR['connected']})"),
            "none",
            palette.SOME_IS_GOOD,
        ),
        (
            Phrase("Received", "每秒接收"),
            Phrase(
                "Readings that the recorder read from the raw log, newest interval.",
                "记录进程最近一个间隔内每秒从日志读取的读数。",
            ),
            rate(_LEDGER, "received"),
            PER_SECOND,
            palette.PLAIN,
        ),
        (
            Phrase("Lag", "滞后"),
            Phrase(
                "Age of the oldest message that recorder or judge has not processed, in whole seconds; the larger "
                "of the two. If it is above a minute and grows, check the write times of the store, then CPU.",
                "记录与研判中最久未处理消息的时长。超过一分钟且增长时，请查看存储写入用时与 CPU。",
            ),
            _CONSUMER.select(f"ceil(max({_CONSUMER['lag_s']}))"),
            "s",
            palette.LAG_S_STEPS,
        ),
        (
            Phrase("Queued", "排队"),
            Phrase(
                "Readings that are classified and not yet in the store. The number grows while the store is "
                "unavailable and falls by itself afterwards.",
                "已分类但尚未写入存储的读数；存储不可用时增长，恢复后自动消化。",
            ),
            _LEDGER.select(f"last({_LEDGER['queued']})"),
            "short",
            ((None, palette.GREEN), (10_000.0, palette.ORANGE), (1_000_000.0, palette.VERMILLION)),
        ),
        (
            Phrase("Quarantined", "隔离"),
            Phrase(
                "Dead letters that were not redriven: fix the cause, then run `haulwatch deadletter redrive`.",
                "等待处理的隔离报文：修复原因后执行 haulwatch deadletter redrive。",
            ),
            _LEDGER.select(f"last({_LEDGER['quarantined']})"),
            "short",
            ((None, palette.GREEN), (1.0, palette.ORANGE), (1000.0, palette.VERMILLION)),
        ),
        (
            Phrase("Worst clock", "最大时钟偏差"),
            Phrase(
                "The largest clock offset of all devices. Readings more than 2 minutes in the future are refused.",
                "所有设备中最大的时钟偏差；超前 2 分钟以上的读数会被拒收。",
            ),
            _CLOCK.select(f"last({_CLOCK['offset_worst_ms']})"),
            "ms",
            _CLOCK_STEPS,
        ),
        (
            Phrase("Store write", "存储写入"),
            Phrase(
                "Write time of the last batch to the store. Above 2 s the store is the bottleneck.",
                "最近一批写入存储的用时；超过 2 秒说明存储是瓶颈。",
            ),
            _RECORDER.select(f"last({_RECORDER['write_ms']})"),
            "ms",
            _WRITE_STEPS,
        ),
        (
            Phrase("Disk free", "磁盘剩余"),
            Phrase(
                "Free space on the disk of the raw log. When the disk is full, no message is acknowledged and no "
                "data is lost.",
                "原始日志所在磁盘的剩余空间；写满后停止确认接收，但不会丢失数据。",
            ),
            _DISK.select(f"last({_DISK['free_bytes']})"),
            "bytes",
            _DISK_STEPS,
        ),
    )
    for at, (title, description, query, unit, steps) in enumerate(figures):
        is_state = title.en == "Collector"
        builder.add_panel(
            stat_panel(),
            GridPosition(3 * at, 0, 3, 4),
            title,
            description,
            [Query(query)],
            unit=unit,
            steps=steps,
            every=EVERY,
            since="5m",
            more={
                "decimals": 1 if unit in {PER_SECOND, "bytes"} else 0,
                **({"mappings": [builder.mapping(_CONNECTED)]} if is_state else {}),
            },
        )


_CONNECTED: Final = {
    "1": (Phrase("connected", "已连接"), palette.GREEN),
    "0": (Phrase("disconnected", "断开"), palette.VERMILLION),
}


def _ledger(builder: BoardBuilder) -> None:
    dispositions = ("stored", "duplicate", "quarantined")
    builder.add_panel(
        bar_panel(),
        GridPosition(0, 4, 12, 9),
        Phrase("Readings by disposition", "读数去向"),
        Phrase(
            "Readings committed per second, by disposition; together they are all received readings. A redrive takes "
            "a letter out of quarantine, which a rate does not show.",
            "每秒结算的读数，按结论统计，合计即全部接收量。重投会减少隔离数，速率图不体现。",
        ),
        [Query(rate(_LEDGER, name), alias=name, ref=ref) for ref, name in zip("ABC", dispositions, strict=True)],
        unit=PER_SECOND,
        every=EVERY,
        overrides=[
            Override("stored", title=Phrase("stored", "入库"), colour=palette.GREEN),
            Override("duplicate", title=Phrase("duplicate", "重复"), colour=palette.SKY),
            Override("quarantined", title=Phrase("quarantined", "隔离"), colour=palette.VERMILLION),
        ],
        more={"min_val": 0},
    )
    builder.add_panel(
        line_panel(),
        GridPosition(12, 4, 12, 9),
        Phrase("Lag of recorder and judge", "滞后"),
        Phrase(
            "Messages in the raw log that recorder and judge have not read (left), and the age of the oldest "
            "(right). Both return to 0 by themselves after an outage. If one keeps growing, its process needs more "
            "CPU.",
            "记录与研判尚未读取的消息数（左轴）及最久一条的时长（右轴）。故障恢复后自动归零；持续增长说明 CPU 不足。",
        ),
        [
            Query(over_time(_CONSUMER, "max", "lag_messages", "of"), alias="$tag_of"),
            Query(over_time(_CONSUMER, "max", "lag_s", "of"), alias="$tag_of s", ref="B"),
        ],
        unit="short",
        every=EVERY,
        overrides=[
            Override("recorder", title=Phrase("recorder", "记录"), colour=palette.BLUE),
            Override("judge", title=Phrase("judge", "研判"), colour=palette.ORANGE),
            Override(
                "recorder s", title=Phrase("recorder, age", "记录，时长"), unit="s", colour=palette.SKY, more=RIGHT
            ),
            Override("judge s", title=Phrase("judge, age", "研判，时长"), unit="s", colour=palette.YELLOW, more=RIGHT),
        ],
        more={"min_val": 0},
    )


def _refused(builder: BoardBuilder) -> None:
    builder.add_panel(
        gauge_panel(),
        GridPosition(0, 13, 9, 9),
        Phrase("Quarantine by reason", "隔离原因"),
        Phrase(
            "Dead letters that were not redriven, by reason. `unknown device`: adopt or remove the device; `future "
            "time`: set its clock; `conflict`: two devices share one identity. Empty: ingestion does not report.",
            "按原因统计的隔离报文。未登记设备：登记或移除；时间超前：校准时钟；数据冲突：两台设备共用身份。"
            "空白表示进程未上报。",
        ),
        [
            Query(
                _QUARANTINE.select(f"last({_QUARANTINE['readings']})", by=_QUARANTINE.by("of")),
                alias="$tag_of",
            )
        ],
        unit="short",
        steps=((None, palette.GREY), (1.0, palette.ORANGE), (1000.0, palette.VERMILLION)),
        overrides=[Override(name, title=text) for name, (text, _) in value_mappings(REASONS).items()],
        more={"min_val": 0, "decimals": 0},
    )
    builder.add_panel(
        line_panel(),
        GridPosition(9, 13, 7, 9),
        Phrase("Missing readings", "从未到达"),
        Phrase(
            "Missing sequence numbers of all devices. A step means that a link lost data, or that a device restarted "
            "its counter in an unexpected way. Late uploads reduce the number again.",
            "按设备序号推算缺失的读数。阶跃说明链路丢失数据或计数异常重启；补传后会回落。",
        ),
        [Query(over_time(_LEDGER, "last", "gaps"), alias="gaps")],
        unit="short",
        every=EVERY,
        overrides=[Override("gaps", title=Phrase("missing readings", "缺失读数"), colour=palette.PURPLE)],
        more={"min_val": 0, "decimals": 0},
    )
    builder.add_panel(
        line_panel(),
        GridPosition(16, 13, 8, 9),
        Phrase("Clock offsets of devices", "设备时钟偏差"),
        Phrase(
            "Absolute clock offsets: half of the devices are below p50, 99 % are below p99. Rules sort readings by "
            "device time, so a clock that is minutes off makes the alerts of its device unreliable.",
            "设备时钟偏差绝对值：半数小于 P50，99% 小于 P99。规则按设备时间排序，偏差数分钟会影响该设备的研判。",
        ),
        [
            Query(over_time(_CLOCK, "max", f"offset_{which}_ms"), alias=which, ref=ref)
            for ref, which in zip("ABC", ("p50", "p99", "worst"), strict=True)
        ],
        unit="ms",
        every=EVERY,
        overrides=[
            Override("p50", colour=palette.SKY),
            Override("p99", colour=palette.BLUE),
            Override("worst", title=Phrase("worst", "最大"), colour=palette.VERMILLION),
        ],
        more={"min_val": 0},
    )


def _over_limit(builder: BoardBuilder) -> None:
    name = label_column(builder.language)
    columns = ", ".join(_OVER_LIMIT[field] for field in ("device", name, "limit", "beyond"))
    builder.add_panel(
        table_panel(),
        GridPosition(0, 22, 24, 6),
        Phrase("Devices beyond a limit", "超限设备"),
        Phrase(
            "Devices that sent more than one device may within the last hour, furthest first. The others go on. Visit "
            "the device, or take away its login. Empty: none is beyond a limit.",
            "最近一小时内超出单台设备上限的设备，超出最多者在前；其他设备不受影响。请检查该设备或停用其账号。"
            "空白表示没有超限设备。",
        ),
        [table_query(_OVER_LIMIT.select(columns, by=_OVER_LIMIT.by("of"), rest="ORDER BY time DESC LIMIT 1"))],
        unit="none",
        since="1m",
        overrides=[
            Override("Time", more=HIDDEN),
            Override("of", title=Phrase("Rank", "名次"), more={"custom.width": 80}),
            Override("device", more=HIDDEN),
            Override(name, title=Phrase("Device", "设备")),
            Override("limit", title=Phrase("Limit", "上限"), mappings=value_mappings(LIMITS)),
            Override("beyond", title=Phrase("Beyond it", "超出数量"), unit="locale", more={"custom.width": 140}),
        ],
    )
