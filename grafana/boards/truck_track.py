"""The panels of one truck on board Trucks: track, speed, switches, load, quality of fixes, alerts."""

from typing import Final

from devices.readings.motion import STILL_KMH
from grafana.parts import frame, maps, names, palette
from grafana.parts.alerts import LATE_NOTE, column_overrides, enforcement_link, marker_overrides, title_column
from grafana.parts.palette import ThresholdStep
from grafana.parts.panels import (
    HIDDEN,
    WRAPPED_TEXT,
    BoardBuilder,
    GridPosition,
    Override,
    boolean_mapping,
    line_panel,
    state_timeline_panel,
    table_panel,
    value_mappings,
)
from grafana.parts.queries import ALERT, ALERT_STATE, POSITION, Query, table_query
from grafana.parts.wording import LOADS, Language, Phrase

_THIS: Final = "var-device=${__data.fields.device}"
_YES: Final = Phrase("yes", "是")
_NO: Final = Phrase("no", "否")
STATES: Final = ("speed_kmh", "load", "lift_up", "cover_open")
TRUCK: Final = Phrase("Truck", "车辆")
_BED: Final = Phrase("Bed raised", "举升")
_COVER: Final = Phrase("Cover open", "未密闭")
_LOAD: Final = Phrase("Load", "载重状态")
SPEED: Final = Phrase("Speed", "车速")
_SPEED_STEPS: Final[tuple[ThresholdStep, ...]] = (
    (None, palette.GREY),
    (STILL_KMH, palette.SKY),
    (40.0, palette.BLUE),
    (80.0, palette.VERMILLION),
)


_AXIS_PX: Final = {Language.EN: 89, Language.ZH: 69}
"""Width of the axis of speed and load: as wide as the names of the switches between them, so that one time is at one
place in all three.
"""


def sensor_overrides(language: Language) -> list[Override]:
    """Overrides for columns of positions: speed and sensors, and the links of the truck."""
    to_track = (Phrase("Show its track", "查看轨迹"), frame.board_url("trucks", language, _THIS, "${__url_time_range}"))
    return [
        Override("Time", more=HIDDEN),
        Override("lat", more=HIDDEN),
        Override("device", more=HIDDEN),
        Override(names.name_column(language), title=TRUCK, links=(to_track, enforcement_link(language))),
        Override("speed_kmh", title=SPEED, unit="velocitykmh", more={"decimals": 0}),
        Override("load", title=_LOAD, mappings=value_mappings(LOADS, palette.LOAD)),
        Override("lift_up", title=_BED, mappings=boolean_mapping(_YES, _NO, palette.VERMILLION, palette.GREY)),
        Override("cover_open", title=_COVER, mappings=boolean_mapping(_YES, _NO, palette.ORANGE, palette.GREY)),
    ]


def add_panels(builder: BoardBuilder) -> None:
    """Add the panels from row 18 of the grid on: speed, switches and load under each other, on one time axis."""
    language = builder.language
    this = POSITION.chosen("device")
    track = POSITION.select(
        POSITION.columns("lat", "lon", *STATES), *this, f"{POSITION['located']} = true", rest="LIMIT 20000"
    )
    alerted = ALERT_STATE.select(
        ALERT_STATE.columns("lat", "lon", "severity", "rule", title_column(language)), *ALERT_STATE.chosen("device")
    )
    driven = builder.localize(Phrase("Track", "轨迹"))
    builder.add_panel(
        maps.map_panel(
            fit=driven,
            layers=[
                *maps.area_layers(builder),
                maps.route_layer(driven, {"field": "speed_kmh", "fixed": palette.BLUE}, ref="A"),
                maps.marker_layer(
                    builder.localize(Phrase("Its alerts", "其告警")),
                    {"field": "severity", "fixed": palette.GREY},
                    10,
                    maps.STAR,
                    label="rule",
                    ref="B",
                ),
            ],
        ),
        GridPosition(0, 18, 10, 15),
        Phrase("Track of ${device:text}", "${device:text} 轨迹"),
        maps.described(
            Phrase(
                "Fixes of the chosen truck in device time, coloured by speed, with its alerts. A straight line far "
                "from any road is a gap in the data. Empty: the truck reported no position in the time span.",
                "所选车辆按设备时间的轨迹，按车速着色，叠加其告警。远离道路的直线段表示数据缺口。空白表示该时段无定位。",
            )
        ),
        [table_query(track, "A"), table_query(alerted, "B")],
        unit="none",
        overrides=[
            Override(
                "speed_kmh",
                title=SPEED,
                unit="velocitykmh",
                steps=_SPEED_STEPS,
            ),
            *(
                override
                for override in sensor_overrides(language)
                if override.name in {"load", "lift_up", "cover_open"}
            ),
            *marker_overrides(),
            *maps.NOT_IN_TOOLTIP,
        ],
    )
    builder.add_panel(
        line_panel(legend=False),
        GridPosition(10, 18, 14, 5),
        Phrase("Speed of ${device:text}", "${device:text} 车速"),
        Phrase(
            "Highest speed in each interval; vertical marks are alerts. Gaps over 5 minutes: the truck did not report.",
            "各时间间隔内的最高车速；竖线为告警。超过 5 分钟的断线表示未收到数据。",
        ),
        [Query(_over_time(f"max({POSITION['speed_kmh']})"), alias="speed_kmh")],
        unit="velocitykmh",
        every="10s",
        overrides=[Override("speed_kmh", title=SPEED, colour=palette.BLUE, more=_axis(builder))],
        more={"min_val": 0},
    )
    switches = [
        Query(_over_time(f"last({POSITION[name]})"), alias=name, ref=ref)
        for ref, name in zip("ABCD", ("lift_up", "cover_open", "load", "ignition_on"), strict=True)
    ]
    builder.add_panel(
        state_timeline_panel(),
        GridPosition(10, 23, 14, 5),
        Phrase("Bed, cover, load, ignition of ${device:text}", "${device:text} 举升、密闭、载重、点火"),
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
        GridPosition(0, 33, 14, 8),
        Phrase("Alerts of ${device:text}", "${device:text} 告警"),
        Phrase(
            "Every change of the chosen truck's alerts, newest first, from suspected to over. The links lead back to "
            f"all its alerts. {LATE_NOTE.en} Empty: no alert in the time span.",
            "所选车辆告警的每次变化（疑似、确认、结束），最新在前；链接可返回其全部告警。"
            f"{LATE_NOTE.zh}空白表示该时段无告警。",
        ),
        [
            table_query(
                ALERT.select(
                    ALERT.columns("severity", "rule", "phase", title_column(language), "learned_at", "device"),
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
                if override.name not in {title_column(language), "Time"}
            ),
            Override("Time", title=Phrase("When", "时间"), unit="dateTimeAsIso"),
            Override(
                title_column(language),
                title=Phrase("What", "内容"),
                links=(enforcement_link(language),),
                more={**WRAPPED_TEXT, "custom.minWidth": 320},
            ),
        ],
    )
    _load_and_fix(builder)


def _load_and_fix(builder: BoardBuilder) -> None:
    builder.add_panel(
        line_panel(legend=False),
        GridPosition(10, 28, 14, 5),
        Phrase("Load of ${device:text}", "${device:text} 载重"),
        Phrase(
            "Net load by on-board weighing. A steep fall outside a site may be dumping. Empty: the truck has no scale.",
            "车载称重的净载重；场外骤降可能为倾倒。空白表示该车无车载称重。",
        ),
        [Query(_over_time(f"mean({POSITION['load_kg']})"), alias="load_kg")],
        unit="suffix:kg",
        every="10s",
        overrides=[Override("load_kg", title=Phrase("Load", "载重"), colour=palette.GREEN, more=_axis(builder))],
        more={"min_val": 0, "decimals": 0},
    )
    builder.add_panel(
        line_panel(),
        GridPosition(14, 33, 10, 8),
        Phrase("Quality of ${device:text}'s fixes", "${device:text} 定位质量"),
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
        more={"min_val": 0, "decimals": 0},
    )


def _axis(builder: BoardBuilder) -> dict[str, int]:
    return {"custom.axisWidth": _AXIS_PX[builder.language]}


def _over_time(what: str) -> str:
    return POSITION.select(what, *POSITION.chosen("device"), by=POSITION.by(each_interval=True))
