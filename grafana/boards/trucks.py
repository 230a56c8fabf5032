"""Trucks: position and state of all trucks; track and sensor values of one truck."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from devices.readings.motion import STILL_KMH
from grafana.parts import frame, maps, palette, variables
from grafana.parts.alerts import column_overrides, enforcement_link, marker_overrides, title_column
from grafana.parts.palette import ThresholdStep
from grafana.parts.panels import (
    BoardBuilder,
    GridPosition,
    Override,
    boolean_mapping,
    line_panel,
    stat_panel,
    state_timeline_panel,
    table_panel,
    value_mappings,
)
from grafana.parts.queries import ALERT, ALERT_STATE, POSITION, Query, select_from, table_query
from grafana.parts.wording import LOADS, Language, Phrase

AREA: Final = frame.AREAS["trucks"]
_DESCRIPTION: Final = Phrase(
    "All trucks by state; track, speed, bed, cover and load of one truck, with its alerts marked on every curve.",
    "全部车辆的实时状态，以及单车的轨迹、车速、举升、密闭与载重；告警标注在各曲线上。",
)
_THIS: Final = "var-device=${__data.fields.device}"
_YES: Final = Phrase("yes", "是")
_NO: Final = Phrase("no", "否")
_STATES: Final = ("speed_kmh", "load", "lift_up", "cover_open")
_TRUCK: Final = Phrase("Truck", "车辆")
_BED: Final = Phrase("Bed raised", "举升")
_COVER: Final = Phrase("Cover open", "未密闭")
_LOAD: Final = Phrase("Load", "载重状态")
_SPEED: Final = Phrase("Speed", "车速")
_SPEED_STEPS: Final[tuple[ThresholdStep, ...]] = (
    (None, palette.GREY),
    (STILL_KMH, palette.SKY),
    (40.0, palette.BLUE),
    (80.0, palette.VERMILLION),
)


def board(language: Language) -> model.Dashboard:
    """The board in one language."""
    builder = BoardBuilder(language)
    _all_trucks(builder)
    _one_truck(builder)
    return frame.assemble(
        "trucks",
        builder,
        _DESCRIPTION,
        [
            variables.tag_variable("district", POSITION, language=language),
            variables.tag_variable("fleet", POSITION, "district", language=language),
            variables.tag_variable("device", POSITION, *AREA, language=language, one=True, label=_TRUCK),
            variables.api_variable(language),
        ],
        since="1h",
        refresh="10s",
        annotations=frame.alert_annotations(builder, *ALERT.chosen("device")),
    )


def _newest(*names: str) -> str:
    return POSITION.select(POSITION.last(*names), *POSITION.chosen(*AREA), by=POSITION.by("device"))


def _column_overrides(language: Language) -> list[Override]:
    to_track = (Phrase("Show its track", "查看轨迹"), frame.board_url("trucks", language, _THIS, "${__url_time_range}"))
    return [
        Override("Time", more={"custom.hidden": True}),
        Override("device", title=_TRUCK, links=(to_track, enforcement_link(language))),
        Override("speed_kmh", title=_SPEED, unit="velocitykmh", more={"decimals": 0}),
        Override("load", title=_LOAD, mappings=value_mappings(LOADS, palette.LOAD)),
        Override("lift_up", title=_BED, mappings=boolean_mapping(_YES, _NO, palette.VERMILLION, palette.GREY)),
        Override("cover_open", title=_COVER, mappings=boolean_mapping(_YES, _NO, palette.ORANGE, palette.GREY)),
    ]


def _all_trucks(builder: BoardBuilder) -> None:
    language = builder.language
    raised = select_from(
        _newest("lat", "lon", "lift_up"), POSITION.columns("lat", "lon", "lift_up"), '"lift_up" = true', by='"device"'
    )
    alerted = ALERT_STATE.select(
        ALERT_STATE.columns("lat", "lon", "severity", "rule", "device", title_column(language)),
        f"{ALERT_STATE['open']} = 1",
        *ALERT_STATE.chosen(*AREA),
        rest="ORDER BY time DESC LIMIT 500",
    )
    builder.add_panel(
        maps.map_panel(
            [
                *maps.area_layers(language),
                maps.marker_layer(
                    builder.localize(Phrase("Bed raised", "举升")),
                    {"fixed": palette.VERMILLION},
                    12,
                    maps.RING,
                    ref="B",
                ),
                maps.marker_layer(
                    builder.localize(Phrase("Trucks by load", "车辆（按载重）")),
                    {"field": "load", "fixed": palette.GREY},
                    6,
                    label="device",
                    ref="A",
                ),
                maps.marker_layer(
                    builder.localize(Phrase("Open alerts", "未处置告警")),
                    {"field": "severity", "fixed": palette.GREY},
                    9,
                    maps.STAR,
                    ref="C",
                ),
            ]
        ),
        GridPosition(0, 0, 14, 14),
        Phrase("All trucks", "全部车辆"),
        Phrase(
            "Newest position of every truck in the time span, coloured by load. Square: the bed is raised. Star: an "
            "open alert began here. Corridors and sites come from the API. Empty: no truck of this area reported.",
            "时段内每辆车的最新位置，按载重着色；方块表示正在举升，星形为未处置告警的发生位置；"
            "底图为 API 提供的核准线路与场地。空白表示该区域没有车辆上报。",
        ),
        [table_query(_newest("lat", "lon", *_STATES), "A"), table_query(raised, "B"), table_query(alerted, "C")],
        unit="none",
        overrides=[override for override in _column_overrides(language) if override.name != "Time"]
        + marker_overrides(),
    )
    _counts(builder)
    builder.add_panel(
        table_panel(sort=builder.localize(_SPEED)),
        GridPosition(14, 4, 10, 10),
        Phrase("Trucks, newest state", "车辆最新状态"),
        Phrase(
            "The same trucks as a list. Click a truck to see its track or its alerts. Empty: no truck of this area "
            "reported.",
            "与地图相同的车辆列表；点击可查看轨迹或其告警。空白表示该区域没有车辆上报。",
        ),
        [table_query(_newest(*_STATES))],
        unit="none",
        overrides=_column_overrides(language),
    )


def _counts(builder: BoardBuilder) -> None:
    fastest = POSITION.select(
        f'max({POSITION["speed_kmh"]}) AS "top_kmh"', *POSITION.chosen(*AREA), by=POSITION.by("device")
    )
    counted = (
        (
            Phrase("Reporting", "上报"),
            Phrase(
                "Trucks that reported in the last 15 minutes. If there are fewer than usual, see silent trucks on "
                "board Enforcement.",
                "最近 15 分钟内上报的车辆数；偏少时请在执法看板查看离线车辆。",
            ),
            select_from(_newest("lat"), 'count("lat") AS "trucks"'),
            palette.PLAIN,
        ),
        (
            Phrase("Driving", "行驶"),
            Phrase(
                f"Of these, trucks faster than {palette.MOVING_KMH:.0f} km/h at least once: they drive on the road.",
                f"其中曾超过 {palette.MOVING_KMH:.0f} km/h 的车辆数，即已出车。",
            ),
            select_from(fastest, 'count("top_kmh") AS "trucks"', f'"top_kmh" > {palette.MOVING_KMH:.0f}'),
            palette.PLAIN,
        ),
        (
            Phrase("Loaded", "重车"),
            Phrase(
                "Of these, trucks whose newest report says loaded. If there are none while trucks drive, check the "
                "load sensors.",
                "其中最新上报为重车的数量；出车却无重车时请检查载重传感器。",
            ),
            select_from(_newest("load"), 'count("load") AS "trucks"', "\"load\" = 'loaded'"),
            palette.PLAIN,
        ),
        (
            Phrase("Bed raised", "举升中"),
            Phrase(
                "Of these, trucks whose bed is raised now. Find them on the map: outside a site it is an alert.",
                "其中当前正在举升的数量；请在地图上定位，场外举升属告警。",
            ),
            select_from(_newest("lift_up"), 'count("lift_up") AS "trucks"', '"lift_up" = true'),
            ((None, palette.GREEN), (1.0, palette.ORANGE)),
        ),
        (
            Phrase("Cover open", "未密闭"),
            Phrase(
                "Of these, trucks whose cover is open now. For a loaded truck that drives, it is an offence.",
                "其中当前未密闭的数量；重车行驶时未密闭属违规。",
            ),
            select_from(_newest("cover_open"), 'count("cover_open") AS "trucks"', '"cover_open" = true'),
            ((None, palette.GREEN), (1.0, palette.ORANGE)),
        ),
    )
    for at, (title, description, query, steps) in enumerate(counted):
        builder.add_panel(
            stat_panel(),
            GridPosition(14 + 2 * at, 0, 2, 4),
            title,
            description,
            [Query(query)],
            unit="none",
            steps=steps,
            since="15m",
            more={"no_value": "0"},
        )


def _one_truck(builder: BoardBuilder) -> None:
    language = builder.language
    this = POSITION.chosen("device")
    track = POSITION.select(
        POSITION.columns("lat", "lon", *_STATES), *this, f"{POSITION['located']} = true", rest="LIMIT 20000"
    )
    alerted = ALERT_STATE.select(
        ALERT_STATE.columns("lat", "lon", "severity", "rule", title_column(language)), *ALERT_STATE.chosen("device")
    )
    builder.add_panel(
        maps.map_panel(
            [
                *maps.area_layers(language),
                maps.route_layer(
                    builder.localize(Phrase("Track", "轨迹")), {"field": "speed_kmh", "fixed": palette.BLUE}, ref="A"
                ),
                maps.marker_layer(
                    builder.localize(Phrase("Its alerts", "其告警")),
                    {"field": "severity", "fixed": palette.GREY},
                    10,
                    maps.STAR,
                    label="rule",
                    ref="B",
                ),
            ]
        ),
        GridPosition(0, 14, 10, 16),
        Phrase("Track of ${device}", "${device} 轨迹"),
        Phrase(
            "Fixes of the chosen truck in device time, coloured by speed, with its alerts and the approved "
            "corridors. A straight line far from any road is a gap in the data. Empty: the truck reported no "
            "position in the time span.",
            "所选车辆按设备时间的轨迹，按车速着色，叠加其告警与核准线路。远离道路的直线段表示数据缺口。"
            "空白表示该时段无定位。",
        ),
        [table_query(track, "A"), table_query(alerted, "B")],
        unit="none",
        overrides=[
            Override(
                "speed_kmh",
                title=_SPEED,
                unit="velocitykmh",
                steps=_SPEED_STEPS,
            ),
            *(
                override
                for override in _column_overrides(language)
                if override.name in {"load", "lift_up", "cover_open"}
            ),
            *marker_overrides(),
        ],
    )
    builder.add_panel(
        line_panel(legend=False),
        GridPosition(10, 14, 14, 5),
        Phrase("Speed of ${device}", "${device} 车速"),
        Phrase(
            "Highest speed in each interval; vertical marks are alerts. Gaps over 5 minutes: the truck did not report.",
            "各时间间隔内的最高车速；竖线为告警。超过 5 分钟的断线表示未收到数据。",
        ),
        [Query(_over_time(f"max({POSITION['speed_kmh']})"), alias="speed_kmh")],
        unit="velocitykmh",
        every="10s",
        overrides=[Override("speed_kmh", title=_SPEED, colour=palette.BLUE)],
        more={"min": 0},
    )
    switches = [
        Query(_over_time(f"last({POSITION[name]})"), alias=name, ref=ref)
        for ref, name in zip("ABCD", ("lift_up", "cover_open", "load", "ignition_on"), strict=True)
    ]
    builder.add_panel(
        state_timeline_panel(),
        GridPosition(10, 19, 14, 5),
        Phrase("Bed, cover, load, ignition of ${device}", "${device} 举升、密闭、载重、点火"),
        Phrase(
            "States of the switches and of the load sensor. If the bed flickers, or never moves during a whole "
            "round, repair the sensor. A missing row: this device has no such sensor.",
            "开关与载重传感器状态。举升频繁抖动或整趟无变化，多为传感器故障。缺少某行表示该终端无此传感器。",
        ),
        switches,
        unit="none",
        every="10s",
        overrides=[
            Override("lift_up", title=_BED, mappings=boolean_mapping(_YES, _NO, palette.VERMILLION, palette.GREY)),
            Override("cover_open", title=_COVER, mappings=boolean_mapping(_YES, _NO, palette.ORANGE, palette.GREY)),
            Override("load", title=_LOAD, mappings=value_mappings(LOADS, palette.LOAD)),
            Override(
                "ignition_on",
                title=Phrase("Ignition", "点火"),
                mappings=boolean_mapping(_YES, _NO, palette.GREEN, palette.GREY),
            ),
        ],
    )
    builder.add_panel(
        table_panel(),
        GridPosition(10, 24, 14, 6),
        Phrase("Alerts of ${device}", "${device} 告警"),
        Phrase(
            "Every change of the chosen truck's alerts, newest first, from suspected to over. The links lead back to "
            "all its alerts. Empty: no alert in the time span.",
            "所选车辆告警的每次变化（疑似、确认、结束），最新在前；链接可返回其全部告警。空白表示该时段无告警。",
        ),
        [
            table_query(
                ALERT.select(
                    ALERT.columns("severity", "rule", "phase", "device", title_column(language)),
                    *ALERT.chosen("device"),
                    rest="ORDER BY time DESC LIMIT 200",
                )
            )
        ],
        unit="none",
        overrides=[
            *(
                override
                for override in column_overrides(language, links=False)
                if override.name not in {"device", "Time"}
            ),
            Override("Time", title=Phrase("When", "时间"), unit="dateTimeAsLocal"),
            Override("device", title=_TRUCK, links=(enforcement_link(language),)),
        ],
    )
    _load_and_fix(builder)


def _load_and_fix(builder: BoardBuilder) -> None:
    builder.add_panel(
        line_panel(legend=False),
        GridPosition(0, 30, 12, 7),
        Phrase("Load of ${device}", "${device} 载重"),
        Phrase(
            "Net load by on-board weighing. A steep fall outside a site may be dumping. Empty: the truck has no scale.",
            "车载称重的净载重；场外骤降可能为倾倒。空白表示该车无车载称重。",
        ),
        [Query(_over_time(f"mean({POSITION['load_kg']})"), alias="load_kg")],
        unit="masskg",
        every="10s",
        overrides=[Override("load_kg", title=Phrase("Load", "载重"), colour=palette.GREEN)],
        more={"min": 0, "decimals": 0},
    )
    builder.add_panel(
        line_panel(),
        GridPosition(12, 30, 12, 7),
        Phrase("Quality of ${device}'s fixes", "${device} 定位质量"),
        Phrase(
            "Estimated error and number of satellites. A fix with an error above 50 m or fewer than 4 satellites is "
            "not judged. If this lasts long in open terrain, the antenna may be covered or jammed.",
            "估计误差与卫星数。误差大于 50 米或卫星少于 4 颗的定位不参与研判；在空旷处长时间如此，"
            "可能是天线被遮挡或干扰。",
        ),
        [
            Query(_over_time(f"max({POSITION['accuracy_m']})"), alias="accuracy_m"),
            Query(_over_time(f"min({POSITION['satellites']})"), alias="satellites", ref="B"),
        ],
        unit="lengthm",
        every="10s",
        overrides=[
            Override("accuracy_m", title=Phrase("Error", "误差"), colour=palette.ORANGE),
            Override(
                "satellites",
                title=Phrase("Satellites", "卫星数"),
                unit="none",
                colour=palette.BLUE,
                more={"custom.axisPlacement": "right"},
            ),
        ],
        more={"min": 0, "decimals": 0},
    )


def _over_time(what: str) -> str:
    return POSITION.select(what, *POSITION.chosen("device"), by=POSITION.by(each_interval=True))
