"""`haulwatch evaluate`: how well each rule finds labelled incidents of simulated fleets, in each noise tier."""

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from haulwatch.commands.shared import JsonFlag, err, exits_on_error, fail, out, print_json, print_table
from haulwatch.evaluation.run import Figures, Request, check_seed, evaluate, known_tiers
from haulwatch.evaluation.summary import FIELD_INCIDENTS_PER_TRUCK_DAY, SIMULATED, figures_as_json, rows
from haulwatch.evaluation.sweeps import runs_of_sweeps, score_in_force, sweep
from haulwatch.evaluation.tables import WIDE_COLUMNS, Tables
from haulwatch.settings.load import load_settings
from haulwatch.wiring.rules import checked_file, known_rules
from rules.catalogue import rule_names
from simulators.trials.tiers import TIERS, tier

_ALL: Final = tuple(one.name for one in TIERS)
_WHAT: Final = "What is evaluated"
_HOW: Final = "How it is counted"


@exits_on_error
def evaluate_rules(
    tiers: Annotated[
        list[str] | None,
        typer.Option("--tier", help=f"Noise tier, repeatable: {', '.join(_ALL)}. Default: all.", rich_help_panel=_WHAT),
    ] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            help="Rule, repeatable; only its incidents are staged, so that there are more of them. Default: all.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Odd to report, even with --tuning; equal seeds, equal figures.", rich_help_panel=_WHAT)
    ] = 1,
    truck_days: Annotated[
        int,
        typer.Option(
            min=1,
            help="Shifts of one truck in each tier; full trials of 24. Zero false alarms in N prove at most 3/N a day: "
            "0.002 takes 1500.",
            rich_help_panel=_WHAT,
        ),
    ] = 120,
    tuning: Annotated[
        bool,
        typer.Option("--tuning", help="Use the seeds that thresholds may be chosen on.", rich_help_panel=_HOW),
    ] = False,
    base_rate: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Incidents per truck-day in the field, for the precision that the figures imply there. Default: what "
            "0.9 % verified of 10,000 suspicions a year about 8,888 trucks make.",
            show_default=f"{FIELD_INCIDENTS_PER_TRUCK_DAY:.2g}",
            rich_help_panel=_HOW,
        ),
    ] = FIELD_INCIDENTS_PER_TRUCK_DAY,
    plots: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Folder for plots (PNG); they need matplotlib: `pip install 'haulwatch[plots]'`.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    rule_set: Annotated[
        Path | None,
        typer.Option(
            "--rule-set",
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="Judge by this rule set.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Default: one for each core.", rich_help_panel=_HOW)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Judge simulated fleets with labelled incidents, and count what the rules find.

    A trial is a shift of 24 trucks, with bins, lines and weighbridges: honest rounds, rounds easily taken for an
    incident, and incidents. Its readings pass decoding, admission and judgement as a replayed raw log does, with the
    rule set of this installation, or with another one. An alert is about an incident if it dates it between 60 s before
    its start and 10 min after its end.

    1,500 truck-days of one tier take less than ten minutes on two cores; of `dirty` twenty times as long, since each
    late reading is judged in its place. All figures are simulated.

    Examples: `haulwatch evaluate --tier clean --truck-days 1500`,
    `haulwatch evaluate --rule illegal_dumping --tier cheap --tier reconnect --plots plots`.
    """
    check_seed(seed, tuning=tuning)
    request = Request(
        tiers=_known_tiers(tiers or _ALL),
        rules=_known_rules(rules or ()),
        seed=seed,
        truck_days=truck_days,
        tuning=tuning,
        rule_set=(known_rules(load_settings()) if rule_set is None else checked_file(rule_set)).rule_set,
    )
    workers = processes or os.cpu_count() or 1
    drawing = None if plots is None else _drawing()
    figures = _evaluate(request, workers)
    if as_json:
        print_json(figures_as_json(request, figures, base_rate))
    else:
        _print(request, figures, base_rate)
    if plots is not None and drawing is not None:
        _draw(drawing, request, figures, plots, workers)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err
    )


def _drawing() -> ModuleType:
    """The module that draws; ends with a message if matplotlib is not installed."""
    try:
        return import_module("haulwatch.evaluation.plots")
    except ImportError as exc:
        fail(f"--plots: {exc}: plots need matplotlib: pip install 'haulwatch[plots]', or leave --plots out")


def _draw(drawing: ModuleType, request: Request, figures: list[Figures], folder: Path, workers: int) -> None:
    with _bar() as bar:
        task = bar.add_task("simulated runs for the plots", total=runs_of_sweeps(request))
        sweeps = sweep(request, workers, lambda: bar.advance(task))
    for path in drawing.draw(request, figures, folder, sweeps, score_in_force(request)):
        err.print(f"{path}: {SIMULATED}", markup=False, highlight=False)
    if drawing.chinese_font() is None:
        err.print("labels are in English only: no font with Chinese characters is installed (fonts-noto-cjk has one)")


def _evaluate(request: Request, workers: int) -> list[Figures]:
    with _bar() as bar:
        task = bar.add_task("simulated trials of 24 trucks", total=request.trials * len(request.tiers))
        return evaluate(request, workers, lambda: bar.advance(task))


def _print(request: Request, tiers: list[Figures], base_rate: float) -> None:
    unicode = (out.encoding or "").lower().startswith("utf")
    tables = Tables(wide=out.width >= WIDE_COLUMNS, unicode=unicode)
    seeds = "tuning" if request.tuning else "reporting"
    for figures in tiers:
        of_rules, of_baselines = rows(figures, base_rate)
        title = f"{figures.tier}: {figures.truck_days:,} {SIMULATED} truck-days, seed {request.seed} ({seeds})"
        says = tier(figures.tier).says
        cells = [
            tables.cells(row) for row in of_rules if row.tally.incidents or row.tally.unseen or row.tally.false_alarms
        ]
        print_table(f"{title}\n{says}", tables.headings, cells, right=tables.headings[1:])
        if of_baselines:
            headings = ["baseline", *tables.headings[1:]]
            print_table("", headings, map(tables.cells, of_baselines), right=headings[1:])
        out.print()
    for line in tables.legend(base_rate):
        out.print(line, markup=False, highlight=False)


def _known_tiers(names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    try:
        return known_tiers(tuple(dict.fromkeys(names)))
    except LookupError as exc:
        fail(f"--tier: {exc}")


def _known_rules(names: tuple[()] | list[str]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in rule_names()]
    if unknown:
        fail(f"--rule: no rule {', '.join(unknown)}: there are {', '.join(rule_names())}")
    return tuple(dict.fromkeys(names))
