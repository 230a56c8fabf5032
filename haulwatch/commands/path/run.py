"""`haulwatch run`: the four processes of the path on one machine."""

import os

from haulwatch.commands.shared import err, exits_on_error
from haulwatch.process.lifetime import role
from haulwatch.process.path_watch import PathWatch, local_url, read_states
from haulwatch.process.supervisor import PATH_PROCESSES, Child, Supervisor, until_stopped
from haulwatch.settings.data_files import process_log_folder
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url


@exits_on_error
def run() -> None:
    """Run collector, recorder, judge and API on this machine, and restart those that die.

    With HAULWATCH_GATEWAYS also gateways.

    Prints where the console is, and each part that fails, with the cause; then that it works again.
    """
    with role("supervisor") as settings:
        existing_database_url(settings)  # without a city, each part would end and be restarted for ever
        children = processes(settings)
        logs = process_log_folder(settings)
        supervisor = Supervisor(children, os.environ, logs)
        host, port = settings.api.host, settings.api.port
        watch = PathWatch(lambda: read_states(host, port), supervisor.last_trouble, _say)
        supervisor.start()
        _say(f"running {', '.join(child.name for child in children)}; logs in {logs}; Ctrl-C stops")
        _say(
            f"console {local_url(host, port)}  API {local_url(host, port)}api/v1  reference {local_url(host, port)}docs"
        )
        if settings.api.token is None:
            _say("no HAULWATCH_API_TOKEN is set: to act on alerts, people need accounts (`haulwatch user add`)")
        try:
            for _ in until_stopped():
                supervisor.tend()
                watch.look()
        finally:
            supervisor.stop()


def processes(settings: Settings) -> list[Child]:
    """Those of the path, and the gateways that the settings name, in the order of their start."""
    gateways = [Child(f"gateway-{name}", ["gateway", name]) for name in settings.gateways.run.split()]
    return [*(Child(name, [name]) for name in PATH_PROCESSES), *gateways]


def _say(line: str) -> None:
    err.print(line, markup=False, highlight=False)
