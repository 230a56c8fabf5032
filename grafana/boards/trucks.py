"""Trucks: where all of them are and in which state, and one truck's track with what its sensors said on it."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from grafana.parts import frame, maps, palette, variables
from grafana.parts.alerts import column_looks, marker_looks, title_column, to_enforcement
from grafana.parts.panels import BoardBuilder, GridPosition, Override, lines, listing, number, said, switch, timeline
from grafana.parts.queries import ALERT, ALERT_STATE, POSITION, Query, rows, select_from
from grafana.parts.wording import LOADS, Language, Text

AREA: Final = frame.AREAS["trucks"]
_DESCRIPTION: Final = Text(
    "All trucks by state, and one truck's track with speed, bed, cover and load; its alerts are marked on every curve.",
    "全部车辆的实时状态，以及单车的轨迹、车速、举升、密闭与载重；告警标注在各曲线上。",
)
_THIS: Final = "var-device=${__data.fields.device}"
_YES: Final = Text("yes", "是")
_NO: Final = Text("no", "否")
_STATES: Final = ("speed_kmh", "load", "lift_up", "cover_open")
_TRUCK: Final = Text("Truck", "车辆")
_BED: Final = Text("Bed raised", "举升")
_COVER: Final = Text("Cover open", "未密闭")
_LOAD: Final = Text("Load", "载重状态")
_SPEED: Final = Text("Speed", "车速")


def board(language: Language) -> model.Dashboard:
    """The board in one language."""
    house = BoardBuilder(language)
    _all_trucks(house)
    _one_truck(house)
    return frame.board(
        "trucks",
        house,
        _DESCRIPTION,
        [
            variables.chosen_tag("district", POSITION, language=language),
            variables.chosen_tag("fleet", POSITION, "district", language=language),
            variables.chosen_tag("device", POSITION, *AREA, language=language, one=True, label=_TRUCK),
            variables.api_url(language),
        ],
        since="1h",
        refresh="10s",
        annotations=frame.alert_annotations(house, *ALERT.chosen("device")),
    )


def _newest(*names: str) -> str:
    return POSITION.select(POSITION.last(*names), *POSITION.chosen(*AREA), by=POSITION.by("device"))


def _looks(language: Language) -> list[Override]:
    to_track = (Text("Show its track", "查看轨迹"), frame.url("trucks", language, _THIS, "${__url_time_range}"))
    return [
        Override("Time", more={"custom.hidden": True}),
        Override("device", title=_TRUCK, links=(to_track, to_enforcement(language))),
        Override("speed_kmh", title=_SPEED, unit="velocitykmh", more={"decimals": 0}),
        Override("load", title=_LOAD, mappings=said(LOADS, palette.LOAD)),
        Override("lift_up", title=_BED, mappings=switch(_YES, _NO, palette.VERMILLION, palette.GREY)),
        Override("cover_open", title=_COVER, mappings=switch(_YES, _NO, palette.ORANGE, palette.GREY)),
    ]


def _all_trucks(house: BoardBuilder) -> None:
    language = house.language
    raised = select_from(
        _newest("lat", "lon", "lift_up"), POSITION.columns("lat", "lon", "lift_up"), '"lift_up" = true', by='"device"'
    )
    alerted = ALERT_STATE.select(
        ALERT_STATE.columns("lat", "lon", "severity", "rule", "device", title_column(language)),
        f"{ALERT_STATE['open']} = 1",
        *ALERT_STATE.chosen(*AREA),
        rest="ORDER BY time DESC LIMIT 500",
    )
    house.put(
        maps.world(
            [
                *maps.surroundings(language),
                maps.markers(
                    house.say(Text("Bed raised", "举升")), {"fixed": palette.VERMILLION}, 12, maps.RING, ref="B"
                ),
                maps.markers(
                    house.say(Text("Trucks by load", "车辆（按载重）")),
                    {"field": "load", "fixed": palette.GREY},
                    6,
                    label="device",
                    ref="A",
                ),
                maps.markers(
                    house.say(Text("Open alerts", "未处置告警")),
                    {"field": "severity", "fixed": palette.GREY},
                    9,
                    maps.STAR,
                    ref="C",
                ),
            ]
        ),
        GridPosition(0, 0, 14, 14),
        Text("All trucks", "全部车辆"),
        Text(
            "Newest position of every truck in the time span, coloured by load; a square: its bed is raised; a star: "
            "where "
            "an open alert began. Over corridors and sites from the API. Empty: no truck of this area reported.",
            "时段内每辆车的最新位置，按载重着色；方块表示正在举升，星形为未处置告警的发生位置；"
            "底图为 API 提供的核准线路与场地。空白表示该区域没有车辆上报。",
        ),
        [rows(_newest("lat", "lon", *_STATES), "A"), rows(raised, "B"), rows(alerted, "C")],
        unit="none",
        overrides=[look for look in _looks(language) if look.name != "Time"] + marker_looks(),
    )
    _counts(house)
    house.put(
        listing(sort=house.say(_SPEED)),
        GridPosition(14, 4, 10, 10),
        Text("Trucks, newest state", "车辆最新状态"),
        Text(
            "The same trucks as a list; click one to see its track or its alerts. Empty: no truck of this area "
            "reported.",
            "与地图相同的车辆列表；点击可查看轨迹或其告警。空白表示该区域没有车辆上报。",
        ),
        [rows(_newest(*_STATES))],
        unit="none",
        overrides=_looks(language),
    )


def _counts(house: BoardBuilder) -> None:
    fastest = POSITION.select(
        f'max({POSITION["speed_kmh"]}) AS "top_kmh"', *POSITION.chosen(*AREA), by=POSITION.by("device")
    )
    counted = (
        (
            Text("Reporting", "上报"),
            Text(
                "Trucks heard in the last 15 minutes. Fewer than usual: see the silent ones under enforcement.",
                "最近 15 分钟内上报的车辆数；偏少时请在执法看板查看离线车辆。",
            ),
            select_from(_newest("lat"), 'count("lat") AS "trucks"'),
            palette.PLAIN,
        ),
        (
            Text("Driving", "行驶"),
            Text(
                f"Of these, faster than {palette.MOVING_KMH:.0f} km/h at least once. Each is out, not shunting.",
                f"其中曾超过 {palette.MOVING_KMH:.0f} km/h 的车辆数，即已出车。",
            ),
            select_from(fastest, 'count("top_kmh") AS "trucks"', f'"top_kmh" > {palette.MOVING_KMH:.0f}'),
            palette.PLAIN,
        ),
        (
            Text("Loaded", "重车"),
            Text(
                "Of these, those whose newest report says loaded. None with trucks out: check the load sensors.",
                "其中最新上报为重车的数量；出车却无重车时请检查载重传感器。",
            ),
            select_from(_newest("load"), 'count("load") AS "trucks"', "\"load\" = 'loaded'"),
            palette.PLAIN,
        ),
        (
            Text("Bed raised", "举升中"),
            Text(
                "Of these, those whose bed is up right now. Find them on the map: outside a site it is an alert.",
                "其中当前正在举升的数量；请在地图上定位，场外举升属告警。",
            ),
            select_from(_newest("lift_up"), 'count("lift_up") AS "trucks"', '"lift_up" = true'),
            ((None, palette.GREEN), (1.0, palette.ORANGE)),
        ),
        (
            Text("Cover open", "未密闭"),
            Text(
                "Of these, those whose cover is open right now. Loaded and driving, it is an offence.",
                "其中当前未密闭的数量；重车行驶时未密闭属违规。",
            ),
            select_from(_newest("cover_open"), 'count("cover_open") AS "trucks"', '"cover_open" = true'),
            ((None, palette.GREEN), (1.0, palette.ORANGE)),
        ),
    )
    for at, (title, description, query, steps) in enumerate(counted):
        house.put(
            number(),
            GridPosition(14 + 2 * at, 0, 2, 4),
            title,
            description,
            [Query(query)],
            unit="none",
            steps=steps,
            since="15m",
            more={"no_value": "0"},
        )


def _one_truck(house: BoardBuilder) -> None:
    language = house.language
    this = POSITION.chosen("device")
    track = POSITION.select(
        POSITION.columns("lat", "lon", *_STATES), *this, f"{POSITION['located']} = true", rest="LIMIT 20000"
    )
    alerted = ALERT_STATE.select(
        ALERT_STATE.columns("lat", "lon", "severity", "rule", title_column(language)), *ALERT_STATE.chosen("device")
    )
    house.put(
        maps.world(
            [
                *maps.surroundings(language),
                maps.route(house.say(Text("Track", "轨迹")), {"field": "speed_kmh", "fixed": palette.BLUE}, ref="A"),
                maps.markers(
                    house.say(Text("Its alerts", "其告警")),
                    {"field": "severity", "fixed": palette.GREY},
                    10,
                    maps.STAR,
                    label="rule",
                    ref="B",
                ),
            ]
        ),
        GridPosition(0, 14, 10, 16),
        Text("Track of ${device}", "${device} 轨迹"),
        Text(
            "Fixes of the chosen truck in device time, coloured by speed, with its alerts, over the corridors it may "
            "use. A "
            "straight stretch far from any road is a gap in the data. Empty: it reported no position in this time "
            "span.",
            "所选车辆按设备时间的轨迹，按车速着色，叠加其告警与核准线路。远离道路的直线段表示数据缺口。"
            "空白表示该时段无定位。",
        ),
        [rows(track, "A"), rows(alerted, "B")],
        unit="none",
        overrides=[
            Override(
                "speed_kmh",
                title=_SPEED,
                unit="velocitykmh",
                steps=((None, palette.GREY), (3.0, palette.SKY), (40.0, palette.BLUE), (80.0, palette.VERMILLION)),
            ),
            *(look for look in _looks(language) if look.name in {"load", "lift_up", "cover_open"}),
            *marker_looks(),
        ],
    )
    house.put(
        lines(legend=False),
        GridPosition(10, 14, 14, 5),
        Text("Speed of ${device}", "${device} 车速"),
        Text(
            "Highest speed in each interval; vertical marks are alerts. Gaps over 5 minutes: the truck was not heard.",
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
    house.put(
        timeline(),
        GridPosition(10, 19, 14, 5),
        Text("Bed, cover, load, ignition of ${device}", "${device} 举升、密闭、载重、点火"),
        Text(
            "What the switches and the load sensor said. A bed that flickers, or never moves through a whole round, "
            "is a "
            "sensor to repair. A missing row: this terminal has no such sensor.",
            "开关与载重传感器状态。举升频繁抖动或整趟无变化，多为传感器故障。缺少某行表示该终端无此传感器。",
        ),
        switches,
        unit="none",
        every="10s",
        overrides=[
            Override("lift_up", title=_BED, mappings=switch(_YES, _NO, palette.VERMILLION, palette.GREY)),
            Override("cover_open", title=_COVER, mappings=switch(_YES, _NO, palette.ORANGE, palette.GREY)),
            Override("load", title=_LOAD, mappings=said(LOADS, palette.LOAD)),
            Override(
                "ignition_on", title=Text("Ignition", "点火"), mappings=switch(_YES, _NO, palette.GREEN, palette.GREY)
            ),
        ],
    )
    house.put(
        listing(),
        GridPosition(10, 24, 14, 6),
        Text("Alerts of ${device}", "${device} 告警"),
        Text(
            "Every change of the chosen truck's alerts, newest first, from suspected to over; the links lead back to "
            "all "
            "its alerts. Empty: none in this time span.",
            "所选车辆告警的每次变化（疑似、确认、结束），最新在前；链接可返回其全部告警。空白表示该时段无告警。",
        ),
        [
            rows(
                ALERT.select(
                    ALERT.columns("severity", "rule", "phase", "device", title_column(language)),
                    *ALERT.chosen("device"),
                    rest="ORDER BY time DESC LIMIT 200",
                )
            )
        ],
        unit="none",
        overrides=[
            *(look for look in column_looks(language, links=False) if look.name not in {"device", "Time"}),
            Override("Time", title=Text("When", "时间"), unit="dateTimeAsLocal"),
            Override("device", title=_TRUCK, links=(to_enforcement(language),)),
        ],
    )
    _load_and_fix(house)


def _load_and_fix(house: BoardBuilder) -> None:
    house.put(
        lines(legend=False),
        GridPosition(0, 30, 12, 7),
        Text("Load of ${device}", "${device} 载重"),
        Text(
            "Net load by on-board weighing. A steep fall outside a site speaks for dumping. Empty: the truck has no "
            "scale.",
            "车载称重的净载重；场外骤降可能为倾倒。空白表示该车无车载称重。",
        ),
        [Query(_over_time(f"mean({POSITION['load_kg']})"), alias="load_kg")],
        unit="masskg",
        every="10s",
        overrides=[Override("load_kg", title=Text("Load", "载重"), colour=palette.GREEN)],
        more={"min": 0, "decimals": 0},
    )
    house.put(
        lines(),
        GridPosition(12, 30, 12, 7),
        Text("Quality of ${device}'s fixes", "${device} 定位质量"),
        Text(
            "Estimated error and satellites. Above 50 m, or below 4 satellites, a fix is not used to judge; long "
            "stretches "
            "of that in the open point to a jammed or covered antenna.",
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
            Override("accuracy_m", title=Text("Error", "误差"), colour=palette.ORANGE),
            Override(
                "satellites",
                title=Text("Satellites", "卫星数"),
                unit="none",
                colour=palette.BLUE,
                more={"custom.axisPlacement": "right"},
            ),
        ],
        more={"min": 0, "decimals": 0},
    )


def _over_time(what: str) -> str:
    return POSITION.select(what, *POSITION.chosen("device"), by=POSITION.by(each_interval=True))
