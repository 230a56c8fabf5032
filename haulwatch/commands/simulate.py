"""`haulwatch simulate`: a simulated fleet with a labelled scenario, or a recording published as a device would."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from devices.cities import JINCHENG
from devices.city.files import CityFileError, read_city
from haulwatch.commands.dialects.options import DialectOptions
from haulwatch.commands.dialects.registry import SIMULATED, simulate_dialect
from haulwatch.commands.progress import ProgressLine
from haulwatch.commands.shared import JsonFlag, err, exits_on_error, fail, local_time, out, print_json
from haulwatch.health.broker_probe import BrokerRefused, BrokerUnreachable, probe_broker
from haulwatch.process import system_clock
from haulwatch.process.lifetime import role, stop_event
from haulwatch.settings.data_files import simulation_report_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.simulators import broker_address
from simulators.firmware.clock import ScenarioClock
from simulators.firmware.link import BrokerAddress, MqttDialer
from simulators.recordings.playback import Pace, PlaybackError, Played, play
from simulators.recordings.reader import Recording, RecordingError
from simulators.recordings.rows import Column, Columns
from simulators.staging.fleet import run_fleet
from simulators.staging.scenario import Scenario, ScenarioError

_DIALECT = "Devices of another dialect (--dialect)"
_SCENARIO = "Scenario"
_RECORDING = "Recording (--from)"
_RECORDING_HINT = "use --device, --columns, --timezone or --skip-bad-rows"


@exits_on_error
def simulate(
    seed: Annotated[int, typer.Option(help="Equal seeds give equal incidents.", rich_help_panel=_SCENARIO)] = 1,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Device seconds per second. A scenario faster than 1 starts in the past and catches up (default 1); "
            "a recording is published as fast as the broker accepts it by default.",
        ),
    ] = None,
    length: Annotated[
        int, typer.Option(min=1800, help="Length of the script in device seconds.", rich_help_panel=_SCENARIO)
    ] = 2400,
    city: Annotated[
        Path | None,
        typer.Option(help="City folder; default: the demonstration city Jincheng.", rich_help_panel=_SCENARIO),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="File for a JSON report of what was published.", rich_help_panel=_SCENARIO)
    ] = None,
    recording: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", help="GPX, CSV, NDJSON or JSON, or a folder or .tar.gz of these.", rich_help_panel=_RECORDING
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Device id, if the recording names none.", rich_help_panel=_RECORDING)
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT=COLUMN,...",
            help="Columns of CSV and JSON: time, lat, lon or point, device, speed_kmh, …; a column is a name or an "
            "index from 0.",
            rich_help_panel=_RECORDING,
        ),
    ] = None,
    separator: Annotated[str, typer.Option(help="Separator of CSV columns.", rich_help_panel=_RECORDING)] = ",",
    header: Annotated[
        bool, typer.Option(help="Whether the first CSV row names the columns.", rich_help_panel=_RECORDING)
    ] = True,
    timezone: Annotated[
        str | None, typer.Option(help="Zone of times without one, such as US/Eastern.", rich_help_panel=_RECORDING)
    ] = None,
    shift_to_now: Annotated[
        bool,
        typer.Option(
            "--shift-to-now", help="Shift device times so that the last one is now.", rich_help_panel=_RECORDING
        ),
    ] = False,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Count bad rows, and go on.", rich_help_panel=_RECORDING)
    ] = False,
    dialect: Annotated[
        str | None,
        typer.Option(help=f"Speak this dialect instead of MQTT: {', '.join(SIMULATED)}.", rich_help_panel=_DIALECT),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="HOST:PORT", help="Where its devices connect.", rich_help_panel=_DIALECT)
    ] = "",
    devices: Annotated[
        int,
        typer.Option("--devices", "--terminals", min=1, max=20_000, help="Number.", rich_help_panel=_DIALECT),
    ] = 10,
    interval: Annotated[
        int, typer.Option(min=1, max=3_600, help="Device seconds between reports.", rich_help_panel=_DIALECT)
    ] = 10,
    reports: Annotated[
        int | None, typer.Option(min=1, help="Of each device; default: until Ctrl-C.", rich_help_panel=_DIALECT)
    ] = None,
    faults: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of messages with each fault.", rich_help_panel=_DIALECT)
    ] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """Publish readings as devices would: a fleet with a labelled scenario, or with --from a recording.

    Each device has its own connection to the broker of HAULWATCH_MQTT_URL, and publishes at QoS 1. Device time never
    runs ahead of the wall clock. A scenario runs until it is stopped (Ctrl-C).

    Example for columns: `--columns lat=0,lon=1,device=2,time=4`.

    With --dialect the devices speak another protocol to --to, a gateway of this installation or of anybody else.

    Exit code 0: readings were published. 1: none was. 2: no broker answers, or the input is wrong.
    """
    if dialect is not None:
        options = DialectOptions(to, devices, seed, interval, speed or 1.0, reports, faults, as_json)
        simulate_dialect(dialect, options)
        return
    with role("simulators", create=True) as settings:
        if recording:
            source = Recording(
                tuple(recording), _columns(columns, separator, header, timezone), device, skip_bad_rows=skip_bad_rows
            )
            pace = _pace(speed, shift_to_now)
            _require_readable(source)
            _require_broker(settings)
            _print_result(source, _play(source, broker_address(settings), pace), as_json)
        else:
            _run_scenario(settings, Scenario(seed, length), speed or 1.0, city or JINCHENG, report)


def _run_scenario(settings: Settings, scenario: Scenario, speed: float, folder: Path, report: Path | None) -> None:
    try:
        city = read_city(folder)
    except CityFileError as exc:
        fail("\n  ".join([f"{folder} cannot be read as a city:", *exc.problems]))
    start_ms = system_clock.now_ms() - round(scenario.length_s * 1000 * (1 - 1 / max(speed, 1.0)))
    path = report or simulation_report_path(settings)

    _require_broker(settings)
    zone, last = ZoneInfo(city.timezone), dict[str, Any]()

    async def run(progress: ProgressLine) -> None:
        def show(report: Mapping[str, Any]) -> None:
            last.update(report)
            progress.show(_scenario_line(report, zone))

        clock = ScenarioClock(start_ms, speed)
        await run_fleet(city, broker_address(settings), scenario, clock, stop_event(), path, show)

    err.print(f"{city.title}: devices of the scenario publish to {settings.mqtt.broker}; Ctrl-C ends", markup=False)
    try:
        with ProgressLine(err) as progress:
            asyncio.run(run(progress))
    except* ScenarioError as group:
        fail(str(group.exceptions[0]))
    if not last.get("published"):
        err.print(f"haulwatch: nothing was published: {last.get('trouble') or 'it ended too soon'}", markup=False)
        raise typer.Exit(1)


def _scenario_line(report: Mapping[str, Any], zone: ZoneInfo) -> str:
    pace = "live" if report["caught_up"] else "catching up"
    line = (
        f"{report['connected']} of {report['devices']} devices connected, {report['published']:,} readings published, "
        f"device time {local_time(report['device_time'], zone)} ({pace})"
    )
    if report["trouble"] and report["connected"] < report["devices"]:
        line += f"; last trouble: {report['trouble']}"
    return line


def _require_readable(recording: Recording) -> None:
    """End with a message if the first reading cannot be read."""
    try:
        next(iter(recording), None)
    except RecordingError as exc:
        fail(f"{exc}; {_RECORDING_HINT}")


def _require_broker(settings: Settings) -> None:
    """End with a message if no broker answers. Which logins it takes shows with the devices' own."""
    try:
        asyncio.run(probe_broker(settings.mqtt.broker))
    except BrokerRefused:
        pass
    except BrokerUnreachable as exc:
        fail(
            f"no broker answers: {exc}: start one (`haulwatch broker` is one for trying out), or set HAULWATCH_MQTT_URL"
        )


def _play(recording: Recording, broker: BrokerAddress, pace: Pace) -> Played:
    acknowledged = 0

    def count(more: int) -> None:
        nonlocal acknowledged
        acknowledged += more
        progress.show(f"{acknowledged:,} readings published")

    try:
        with ProgressLine(err) as progress:
            return asyncio.run(play(recording, MqttDialer(broker), pace, count))
    except RecordingError as exc:
        fail(f"{exc}; {_RECORDING_HINT}")
    except PlaybackError as exc:
        fail(str(exc))


def _print_result(recording: Recording, played: Played, as_json: bool) -> None:
    findings = recording.findings
    if as_json:
        print_json(
            {
                "published": played.messages,
                "devices": played.devices,
                "unacknowledged": played.unacknowledged,
                "skipped": len(findings.skipped),
                "renamed": findings.renamed,
            }
        )
    else:
        _print_played(recording, played)
    if not played.messages:
        raise typer.Exit(1)


def _print_played(recording: Recording, played: Played) -> None:
    findings = recording.findings
    out.print(f"readings published and acknowledged: {played.messages:,}; devices: {played.devices:,}")
    for name, device_id in findings.renamed.items():
        err.print(f"{name!r} cannot be a device id: published as {device_id}", markup=False)
    for line in findings.skipped:
        err.print(f"skipped {line}", markup=False)


def _pace(speed: float | None, shift_to_now: bool) -> Pace:
    try:
        return Pace(speed, shift_to_now)
    except ValueError as exc:
        fail(f"--{exc}")


def _columns(mapping: str | None, separator: str, header: bool, timezone: str | None) -> Columns:
    by_field: dict[str, Column] = {}
    for part in (mapping or "").split(",") if mapping else []:
        what, equals, column = part.partition("=")
        if not equals or not column:
            fail(f"--columns: {part!r} is not WHAT=COLUMN, such as lat=0 or lat=latitude")
        by_field[what.strip()] = int(column) if column.strip().isdecimal() else column.strip()
    named: dict[str, Any] = {
        name: by_field.pop(name) for name in ("time", "lat", "lon", "point", "device") if name in by_field
    }
    try:
        return Columns(**named, extras=tuple(by_field.items()), separator=separator, header=header, timezone=timezone)
    except ValueError as exc:
        fail(f"--{exc}")
