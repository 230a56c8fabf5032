"""`haulwatch notify status`: what waits, what arrived, and what is wrong."""

from typing import Annotated

import typer

from haulwatch.commands.shared import JsonFlag, exits_on_error, local_minute, out, print_json, print_table
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import people_zone
from haulwatch.wiring.notices import notice_status


@exits_on_error
def status(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The newest so many notices.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """Show each channel: what waits, what the last 24 h brought, the last error; and the newest notices.

    Exit code 0: all arrives. 1: notices were given up or never confirmed within 24 h, or wait after an error.
    """
    settings = settings_with_data()
    found = notice_status(settings, limit)
    if as_json:
        print_json(
            {
                "channels": [channel._asdict() for channel in found.channels],
                "notices": [
                    {
                        "no": notice.no,
                        "alert_id": notice.new.alert_id,
                        "event": notice.new.event,
                        "channel": notice.new.channel,
                        "recipient": notice.new.recipient,
                        "mentions": notice.new.mentions,
                        "kind": notice.new.kind,
                        "state": notice.state,
                        "planned_at": notice.planned_at,
                        "attempts": notice.attempts,
                        "unconfirmed": notice.unconfirmed,
                        "error": error,
                    }
                    for notice, error in found.newest
                ],
            }
        )
    else:
        zone = people_zone(settings)
        rows = [
            (
                one.channel,
                one.waiting,
                local_minute(one.oldest_waiting_at, zone),
                one.sent,
                one.digested,
                one.failed,
                one.unconfirmed,
                one.last_error,
            )
            for one in found.channels
        ]
        columns = ("channel", "waiting", "since", "sent", "digested", "given up", "unconfirmed", "last error")
        print_table("channels, within 24 h", columns, rows, right=columns[1:2] + columns[3:7])
        out.print()
        lines = [
            (
                str(notice.no),
                local_minute(notice.planned_at, zone),
                notice.new.channel,
                notice.new.recipient or ", ".join(notice.new.mentions),
                notice.state,
                str(notice.attempts),
                notice.new.subject,
                error,
            )
            for notice, error in found.newest
        ]
        print_table(
            "newest notices", ("no", "planned", "channel", "to", "state", "tries", "notice", "last error"), lines
        )
    if any(one.failed or one.unconfirmed or one.retried for one in found.channels):
        raise typer.Exit(1)
