"""Recycling points: levels, filling curves, emptyings, temperature."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from devices.city.model import DeviceRole
from grafana.parts import frame, maps, names, palette, variables
from grafana.parts.alerts import enforcement_link
from grafana.parts.panels import (
    BY_NAME,
    GAUGE_CELL,
    HIDDEN,
    BoardBuilder,
    Figure,
    GridPosition,
    Override,
    add_figures,
    bar_panel,
    line_panel,
    table_panel,
    value_mappings,
)
from grafana.parts.queries import EMPTYING, FILL, Query, select_from, table_query
from grafana.parts.wording import STREAMS, Phrase

CHOSEN: Final = (*frame.AREAS["recycling"], "device")
_ROLES: Final = (DeviceRole.RECYCLING_POINT,)
_DESCRIPTION: Final = Phrase(
    "Smart recycling points by level, with filling curves, emptyings and temperature.",
    "智能回收点的满溢度、填充曲线、清运与温度。",
)
_POINT: Final = Phrase("Point", "回收点")
_WHEN: Final = Phrase("When", "时间")
_COMPARTMENT: Final = Phrase("Compartment", "箱体")
_LEVEL: Final = Phrase("Level", "满溢度")
_WARM: Final = Phrase("Temperature", "温度")


def board(builder: BoardBuilder) -> model.Dashboard:
    """The board in one language."""
    language = builder.language
    _figures(builder)
    _where(builder)
    _curves(builder)
    _emptying(builder)
    return frame.assemble(
        "recycling",
        builder,
        _DESCRIPTION,
        [
            variables.named_variable("district", language=language, roles=_ROLES),
            variables.named_variable("site", "district", language=language, roles=_ROLES),
            variables.named_variable("device", "district", "site", language=language, roles=_ROLES, label=_POINT),
        ],
        since="6h",
        refresh="1m",
    )


def _newest(*names: str) -> str:
    return FILL.select(FILL.newest(*names), *FILL.chosen(*CHOSEN), by=FILL.by("device", "compartment"))


def _figures(builder: BoardBuilder) -> None:
    full, warn = f"{palette.FILL_FULL_PCT:.0f}", f"{palette.FILL_WARN_PCT:.0f}"
    figures = (
        Figure(
            Phrase("Full", "满溢"),
            Phrase(
                f"Compartments whose level is {full} % or more now. Empty them first. Alerts are by the level of each "
                "point (`overflow_at_pct`), where it has one.",
                f"当前满溢度 ≥ {full}% 的箱体，请优先清运。告警按各回收点自身阈值（overflow_at_pct，如有）触发。",
            ),
            select_from(_newest("fill_pct"), 'count("fill_pct") AS "full"', f'"fill_pct" >= {full}'),
            "none",
            palette.NONE_IS_GOOD,
            {"decimals": 0, "no_value": "0"},
        ),
        Figure(
            Phrase("Filling up", "即将满溢"),
            Phrase(
                f"Compartments whose level is from {warn} to under {full} % now. Put them on the next round.",
                f"当前满溢度在 {warn}%（含）至 {full}% 之间的箱体，请列入下一趟清运。",
            ),
            select_from(
                _newest("fill_pct"), 'count("fill_pct") AS "filling"', f'"fill_pct" >= {warn}', f'"fill_pct" < {full}'
            ),
            "none",
            palette.FEW_IS_GOOD,
            {"decimals": 0, "no_value": "0"},
        ),
        Figure(
            Phrase("Hottest", "最高温度"),
            Phrase(
                f"Highest newest temperature. {palette.FIRE_C:.0f} °C means fire. Above "
                f"{palette.WARM_C:.0f} °C and rising: check the compartment.",
                f"最新温度的最高值。{palette.FIRE_C:.0f} °C 视为火警；高于 {palette.WARM_C:.0f} °C 且上升请核查。",
            ),
            select_from(_newest("temperature_c"), 'max("temperature_c") AS "hottest"'),
            "celsius",
            palette.TEMPERATURE_STEPS,
            {"decimals": 0, "no_value": "0"},
        ),
        Figure(
            Phrase("Smoke", "烟雾"),
            Phrase(
                "Compartments whose newest report says smoke. If this is not 0, call the fire brigade, then the "
                "recycling point.",
                "最新上报有烟雾的箱体数。不为 0 时先报火警，再联系回收点。",
            ),
            select_from(_newest("smoke"), 'count("smoke") AS "smoke"', '"smoke" = true'),
            "none",
            palette.NONE_IS_GOOD,
            {"decimals": 0, "no_value": "0"},
        ),
        Figure(
            Phrase("Emptied", "清运次数"),
            Phrase(
                f"Emptyings in the time span: falls of {palette.EMPTIED_POINTS:.0f} points or more that two readings "
                "show, as judgement found them, up to five minutes late.",
                f"时段内的清运次数：满溢度下降 {palette.EMPTIED_POINTS:.0f} 个百分点及以上且经两次读数证实，"
                "由研判得出，最多延迟 5 分钟。",
            ),
            EMPTYING.select(f'count({EMPTYING["fell_points"]}) AS "emptied"', *EMPTYING.chosen(*CHOSEN)),
            "none",
            palette.PLAIN,
            {"decimals": 0, "no_value": "0"},
        ),
        Figure(
            Phrase("Bins reporting", "上报箱体"),
            Phrase(
                "Compartments that reported in the time span. If there are fewer than usual, recycling points are "
                "cut off.",
                "时段内上报的箱体数；偏少说明有回收点断联。",
            ),
            select_from(_newest("fill_pct"), 'count("fill_pct") AS "heard"'),
            "none",
            palette.SOME_IS_GOOD,
            {"decimals": 0, "no_value": "0"},
        ),
    )
    add_figures(builder, figures)


def _where(builder: BoardBuilder) -> None:
    language = builder.language
    fullest = select_from(_newest("fill_pct"), 'max("fill_pct") AS "fill_pct"', by='"device"')
    name = names.name_column(language)
    points = builder.localize(Phrase("Points by level", "回收点（按满溢度）"))
    builder.add_panel(
        maps.map_panel(
            fit=points,
            layers=[
                *maps.area_layers(builder),
                maps.marker_layer(
                    points,
                    {"field": "fill_pct", "fixed": palette.GREY},
                    6,
                ),
            ],
        ),
        GridPosition(0, 4, 12, 14),
        Phrase("Points by level", "回收点满溢度分布"),
        maps.described(
            Phrase(
                "Each recycling point in the colour of its fullest compartment: visit the orange and red-orange "
                "markers. Empty: no point of this area reported, or the store has no `place` rows of the day.",
                "各回收点按其最满箱体着色，橙色与橙红色需清运。空白表示该区域无上报，或存储中缺少当日的 place 记录。",
            )
        ),
        [table_query(fullest, "A"), names.names(language, *CHOSEN, placed=True)],
        unit="none",
        overrides=[
            Override("fill_pct", title=_LEVEL, unit="percent", steps=palette.FILL_STEPS),
            Override(name, title=_POINT),
            *maps.NOT_IN_TOOLTIP,
        ],
        transformations=names.join_names(),
    )
    to_point = (
        Phrase("Its curves", "查看曲线"),
        frame.board_url("recycling", language, "var-device=${__data.fields.device}", "${__url_time_range}"),
    )
    builder.add_panel(
        table_panel(sort=builder.localize(_LEVEL)),
        GridPosition(12, 4, 12, 14),
        Phrase("Compartments, fullest first", "箱体列表（最满在前）"),
        Phrase(
            "Newest report of each compartment. Click a point to see its curves or its alerts. Empty: no compartment "
            "reported.",
            "各箱体最新上报；点击回收点可查看曲线或告警。空白表示无上报。",
        ),
        [table_query(_newest("fill_pct", "weight_kg", "temperature_c")), names.names(language, *CHOSEN)],
        unit="none",
        transformations=names.join_names(name),
        overrides=[
            Override("Time", more=HIDDEN),
            Override("device", more=HIDDEN),
            Override(
                name,
                title=_POINT,
                links=(to_point, enforcement_link(language)),
                more={"custom.minWidth": 190},
            ),
            Override("compartment", title=_COMPARTMENT, mappings=value_mappings(STREAMS)),
            Override("fill_pct", title=_LEVEL, unit="percent", steps=palette.FILL_STEPS, more=GAUGE_CELL),
            Override("weight_kg", title=Phrase("Weight", "重量"), unit="suffix:kg", more={"decimals": 0}),
            Override("temperature_c", title=_WARM, unit="celsius", steps=palette.TEMPERATURE_STEPS),
        ],
    )


_SPREAD_OVERRIDES: Final = (
    Override("highest", title=Phrase("highest", "最高"), colour=palette.VERMILLION),
    Override("p90", title=Phrase("one in ten above", "第90百分位"), colour=palette.ORANGE),
    Override("median", title=Phrase("median", "中位数"), colour=palette.SKY),
)


def _spread(of_each: str, value: str) -> list[Query]:
    """Three curves in place of dozens: the highest of all, what one in ten exceeds, and the median."""
    return [
        Query(select_from(of_each, f'{how} AS "{value}"', by="time($__interval) fill(none)"), alias=name, ref=ref)
        for ref, name, how in (
            ("A", "highest", f'max("{value}")'),
            ("B", "p90", f'percentile("{value}", 90)'),
            ("C", "median", f'median("{value}")'),
        )
    ]


def _curves(builder: BoardBuilder) -> None:
    by_compartment = FILL.by("device", "compartment", each_interval=True)
    builder.add_panel(
        line_panel(),
        GridPosition(0, 18, 12, 9),
        Phrase("All levels", "总体满溢度"),
        Phrase(
            "Highest level, the level that one compartment in ten exceeds, and the median of all chosen compartments. "
            "If the median rises through the day, the rounds are too few.",
            "所选全部箱体的最高值、第 90 百分位与中位数。中位数全天上升说明清运趟次不足。",
        ),
        _spread(FILL.select(f'last({FILL["fill_pct"]}) AS "level"', *FILL.chosen(*CHOSEN), by=by_compartment), "level"),
        unit="percent",
        every="2m",
        overrides=_SPREAD_OVERRIDES,
        more={"min_val": 0, "max_val": 100, "decimals": 0},
    )
    builder.add_panel(
        line_panel(),
        GridPosition(12, 18, 12, 9),
        Phrase("Highest level by kind of compartment", "各类箱体最高满溢度"),
        Phrase(
            "Of all chosen points. Choose one point to see each of its compartments.",
            "所选全部回收点中各类箱体的最高值；选择单个回收点可查看其每个箱体。",
        ),
        [
            Query(
                FILL.select(
                    f"max({FILL['fill_pct']})", *FILL.chosen(*CHOSEN), by=FILL.by("compartment", each_interval=True)
                ),
                alias="$tag_compartment",
            )
        ],
        unit="percent",
        every="2m",
        overrides=[Override(name, title=text) for name, text in STREAMS.items()],
        more={"min_val": 0, "max_val": 100, "decimals": 0, "color": BY_NAME},
    )
    warmest = FILL.select(
        f'max({FILL["temperature_c"]}) AS "warmest"', *FILL.chosen(*CHOSEN), by=FILL.by("device", each_interval=True)
    )
    builder.add_panel(
        line_panel(),
        GridPosition(0, 27, 12, 9),
        Phrase("Temperature", "温度"),
        Phrase(
            "The hottest point, the temperature that one point in ten exceeds, and the median. "
            f"{palette.FIRE_C:.0f} °C means fire; above {palette.WARM_C:.0f} °C with a steep rise, fire is likely. "
            "Sort the list of compartments by temperature to see which it is. Empty: these points have no thermometer.",
            f"最热回收点的温度、第 90 百分位与中位数。{palette.FIRE_C:.0f} °C 为火警，高于 {palette.WARM_C:.0f} °C "
            "且快速上升接近火警；将箱体列表按温度排序可查看具体位置。空白表示无温度传感器。",
        ),
        _spread(warmest, "warmest"),
        unit="celsius",
        every="2m",
        overrides=_SPREAD_OVERRIDES,
        more={"decimals": 0},
    )


def _emptying(builder: BoardBuilder) -> None:
    builder.add_panel(
        table_panel(sort=builder.localize(_WHEN)),
        GridPosition(0, 36, 24, 9),
        Phrase("Emptyings", "清运记录"),
        Phrase(
            "When each compartment was emptied, from which level to which, and the last reading before it: where that "
            "is long before, readings are missing. Compare with the rounds that the haulier was paid for. Empty: no "
            "emptying in the time span.",
            "各箱体的清运时间、清运前后满溢度及此前最后一次读数（相隔较久表示数据缺失），可与承运单位结算趟次核对。"
            "空白表示时段内无清运。",
        ),
        [
            table_query(
                EMPTYING.select(
                    EMPTYING.columns("device", "compartment", "from_pct", "to_pct", "fell_points", "after"),
                    *EMPTYING.chosen(*CHOSEN),
                    rest="ORDER BY time DESC LIMIT 1000",
                )
            ),
            names.names(builder.language, *CHOSEN),
        ],
        unit="none",
        transformations=names.join_names("Time", names.name_column(builder.language), of=EMPTYING),
        overrides=[
            Override("Time", title=_WHEN, unit="dateTimeAsIso"),
            Override("device", more=HIDDEN),
            Override(names.name_column(builder.language), title=_POINT),
            Override("compartment", title=_COMPARTMENT, mappings=value_mappings(STREAMS)),
            Override("from_pct", title=Phrase("From", "清运前"), unit="percent", more={"decimals": 0}),
            Override("to_pct", title=Phrase("To", "清运后"), unit="percent", more={"decimals": 0}),
            Override("fell_points", title=Phrase("Fell by", "下降"), unit="none", more={"decimals": 0}),
            Override("after", title=Phrase("Last reading before", "此前最后一次读数"), unit="dateTimeAsIso"),
        ],
    )
    builder.add_panel(
        bar_panel(),
        GridPosition(12, 27, 12, 9),
        Phrase("Deposits", "投放次数"),
        Phrase(
            "Deposits per interval, by compartment name, for all chosen points. Empty: these points do not count "
            "deposits.",
            "所选回收点按箱体名称统计的投放次数。空白表示回收点不统计投放。",
        ),
        [
            Query(
                FILL.select(
                    f"sum({FILL['deposits']})", *FILL.chosen(*CHOSEN), by=FILL.by("compartment", each_interval=True)
                ),
                alias="$tag_compartment",
            )
        ],
        unit="none",
        every="10m",
        overrides=[Override(name, title=text) for name, text in STREAMS.items()],
        more={"min_val": 0, "color": BY_NAME},
    )
