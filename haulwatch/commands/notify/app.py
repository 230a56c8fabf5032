"""The group `haulwatch notify`, with its subcommands in the order of the help."""

import typer

from haulwatch.commands.notify.rules import apply, list_rules, show, validate
from haulwatch.commands.notify.status import status
from haulwatch.commands.notify.trial import send_test

app = typer.Typer(
    no_args_is_help=True,
    help="""Notices: who is told of which alerts, by WeCom, DingTalk, Feishu, mail, webhook or Apprise.

    Notice rules are a YAML file: channels, people, on-duty tables, rules with steps. `docs/notices.md` shows one. Look
    first (`validate`, `test`), then `apply`: they hold within two seconds, and no process is restarted.
    """,
)

app.command("list")(list_rules)
app.command()(show)
app.command()(validate)
app.command("test")(send_test)
app.command()(apply)
app.command()(status)
