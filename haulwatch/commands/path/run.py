"""`haulwatch run`: the four processes of the path on one machine."""

import os

from haulwatch.commands.shared import err, exits_on_error
from haulwatch.process.lifetime import role
from haulwatch.process.supervisor import PATH_PROCESSES, Child, Supervisor, until_stopped
from haulwatch.settings.data_files import process_log_folder
from haulwatch.wiring.databases import existing_database_url


@exits_on_error
def run() -> None:
    """Run collector, recorder, judge and API on this machine, and restart those that die."""
    with role("supervisor") as settings:
        existing_database_url(settings)  # without a city, each part would end and be restarted for ever
        children = [Child(name, [name]) for name in PATH_PROCESSES]
        logs = process_log_folder(settings)
        supervisor = Supervisor(children, os.environ, logs)
        supervisor.start()
        err.print(f"running {', '.join(PATH_PROCESSES)}; logs in {logs}; Ctrl-C stops", markup=False)
        try:
            for _ in until_stopped():
                supervisor.tend()
        finally:
            supervisor.stop()
