"""Trucks: position and state of all trucks; track and sensor values of one truck."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from devices.city.model import DeviceRole
from grafana.boards import truck_track
from grafana.boards.truck_track import SPEED, STATES, TRUCK, sensor_overrides
from grafana.parts import frame, maps, names, palette, suspected, variables
from grafana.parts.alerts import marker_overrides, open_places
from grafana.parts.panels import (
    HIDDEN,
    BoardBuilder,
    GridPosition,
    stat_panel,
    table_panel,
)
from grafana.parts.queries import ALERT, POSITION, Query, select_from, table_query
from grafana.parts.wording import Phrase

AREA: Final = frame.AREAS["trucks"]
_DESCRIPTION: Final = Phrase(
    "All trucks by state; track, speed, bed, cover and load of one truck, with its alerts marked on every curve.",
    "全部车辆的实时状态，以及单车的轨迹、车速、举升、密闭与载重；告警标注在各曲线上。",
)


def board(builder: BoardBuilder) -> model.Dashboard:
    """The board in one language."""
    language = builder.language
    _counts(builder)
    _all_trucks(builder)
    truck_track.add_panels(builder)
    return frame.assemble(
        "trucks",
        builder,
        _DESCRIPTION,
        [
            variables.named_variable("district", language=language, roles=(DeviceRole.TRUCK,)),
            variables.named_variable("fleet", "district", language=language, roles=(DeviceRole.TRUCK,)),
            variables.named_variable(
                "device", *AREA, language=language, roles=(DeviceRole.TRUCK,), one=True, label=TRUCK
            ),
        ],
        since="1h",
        refresh="10s",
        annotations=frame.alert_annotations(builder, *ALERT.chosen("device")),
    )


def _newest(*names: str, located: bool = False) -> str:
    """The newest report of each truck. `located`: the newest with a fix, as a map needs it."""
    fix = (f"{POSITION['located']} = true",) if located else ()
    return POSITION.select(POSITION.newest("lat", *names), *POSITION.chosen(*AREA), *fix, by=POSITION.by("device"))


def _all_trucks(builder: BoardBuilder) -> None:
    language = builder.language
    raised = select_from(
        _newest("lon", "lift_up", located=True),
        POSITION.columns("lat", "lon", "lift_up"),
        '"lift_up" = true',
        by='"device"',
    )
    located = builder.localize(Phrase("Trucks by load", "车辆（按载重）"))
    builder.add_panel(
        maps.map_panel(
            fit=located,
            layers=[
                *maps.area_layers(builder),
                suspected.layer(builder, "D"),
                maps.marker_layer(
                    builder.localize(Phrase("Bed raised", "举升")),
                    {"fixed": palette.VERMILLION},
                    12,
                    maps.RING,
                    ref="B",
                ),
                maps.marker_layer(
                    located,
                    {"field": "load", "fixed": palette.GREY},
                    6,
                    label=names.name_column(language),
                    ref=names.JOINED,
                ),
                maps.marker_layer(
                    builder.localize(Phrase("Open alerts", "未处置告警")),
                    {"field": "severity", "fixed": palette.GREY},
                    9,
                    maps.STAR,
                    ref="C",
                ),
            ],
        ),
        GridPosition(0, 4, 14, 14),
        Phrase("All trucks", "全部车辆"),
        maps.described(
            Phrase(
                "Where every truck was last located in the time span, coloured by load. Square: the bed is raised. "
                f"Star: an open alert began here. {suspected.NOTE.en} Empty: no truck of this area reported.",
                "时段内每辆车最近一次有效定位，按载重着色；方块表示正在举升，星形为未处置告警的发生位置。"
                f"{suspected.NOTE.zh}空白表示该区域没有车辆上报。",
            )
        ),
        [
            table_query(_newest("lon", *STATES, located=True), "A"),
            table_query(raised, "B"),
            table_query(open_places(language, *AREA), "C"),
            table_query(suspected.suspected_places(), "D"),
            names.names(language, *AREA),
        ],
        unit="none",
        transformations=names.join_names(others=True),
        overrides=[
            *(override for override in sensor_overrides(language) if override.more != HIDDEN),
            *marker_overrides(),
            *suspected.overrides(),
            *maps.NOT_IN_TOOLTIP,
        ],
    )
    builder.add_panel(
        table_panel(sort=builder.localize(SPEED)),
        GridPosition(14, 4, 10, 14),
        Phrase("Trucks, newest state", "车辆最新状态"),
        Phrase(
            "The same trucks as a list. Click a truck to see its track or its alerts. Empty: no truck of this area "
            "reported.",
            "与地图相同的车辆列表；点击可查看轨迹或其告警。空白表示该区域没有车辆上报。",
        ),
        [table_query(_newest(*STATES)), names.names(language, *AREA)],
        unit="none",
        transformations=names.join_names(names.name_column(language)),
        overrides=sensor_overrides(language),
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
            select_from(_newest(), 'count("lat") AS "trucks"'),
            palette.PLAIN,
        ),
        (
            Phrase("Driving", "行驶"),
            Phrase(
                f"Trucks faster than {palette.MOVING_KMH:.0f} km/h in the last 15 minutes: they are on the road.",
                f"最近 15 分钟内曾超过 {palette.MOVING_KMH:.0f} km/h 的车辆数，即已出车。",
            ),
            select_from(fastest, 'count("top_kmh") AS "trucks"', f'"top_kmh" > {palette.MOVING_KMH:.0f}'),
            palette.PLAIN,
        ),
        (
            Phrase("Loaded", "重车"),
            Phrase(
                "Trucks of the last 15 minutes whose newest report says loaded. If there are none while trucks "
                "drive, check the load sensors.",
                "最近 15 分钟内上报且最新为重车的数量；出车却无重车时请检查载重传感器。",
            ),
            select_from(_newest("load"), 'count("load") AS "trucks"', "\"load\" = 'loaded'"),
            palette.PLAIN,
        ),
        (
            Phrase("Bed raised", "举升中"),
            Phrase(
                "Trucks of the last 15 minutes whose bed is raised now. Find them on the map: outside a "
                "site it is an alert.",
                "最近 15 分钟内上报且当前正在举升的数量；请在地图上定位，场外举升属告警。",
            ),
            select_from(_newest("lift_up"), 'count("lift_up") AS "trucks"', '"lift_up" = true'),
            ((None, palette.GREEN), (1.0, palette.ORANGE)),
        ),
        (
            Phrase("Cover open", "未密闭"),
            Phrase(
                "Trucks of the last 15 minutes whose cover is open now. For a loaded truck that drives, "
                "it is an offence.",
                "最近 15 分钟内上报且当前未密闭的数量；重车行驶时未密闭属违规。",
            ),
            select_from(_newest("cover_open"), 'count("cover_open") AS "trucks"', '"cover_open" = true'),
            ((None, palette.GREEN), (1.0, palette.ORANGE)),
        ),
    )
    for at, (title, description, query, steps) in enumerate(counted):
        builder.add_panel(
            stat_panel(),
            GridPosition(5 * at, 0, 5 if at < 4 else 4, 4),
            title,
            description,
            [Query(query)],
            unit="none",
            steps=steps,
            since="15m",
            more={"no_value": "0"},
        )
