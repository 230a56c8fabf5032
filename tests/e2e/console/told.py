"""A desk with notice rules: an alert that a program was told of and a mail server was not, for the tests of notices."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from devices.db.database import open_database
from devices.db.versions import StoredVersion
from devices.readings.instants import now_ms
from ingest.notices.rule_store import NoticeRuleStore
from rules.alerts.journal import AlertJournal
from tests.e2e.desk import NOW, WRITE_TOKEN, dump_at, seed
from tests.ingest.notices.services import Program, served
from tests.installation import Installation
from tests.servers import free_port

RULES: Final = """
console: https://haulwatch.example
people:
  li: {{name: 李明, mobile: "13800000000", mail: li@example.com, roles: [officer]}}
  wang: {{name: Wang Fang, mail: wang@example.com, language: en}}
duty:
  night:
    - {{who: li, days: mon-fri, hours: "18:00-08:00"}}
    - {{who: wang, days: "mon-fri", hours: "08:00-18:00"}}
    - {{who: [li, wang], days: "sat, sun"}}
channels:
  dispatch: {{kind: webhook, url: "{url}/haulwatch", sign: HOOK}}
  post: {{kind: mail, host: 127.0.0.1, port: {port}, security: none, sender: haulwatch@example.com}}
  office: {{kind: feishu, hook: FEISHU, sign: FEISHU_SIGN}}
rules:
  - name: dumping
    alerts: {{rule: illegal_dumping, severity: P2}}
    steps:
      - {{by: [dispatch, post], tell: {{people: [li]}}}}
      - {{after_min: 10, by: [dispatch], tell: {{duty: night}}}}
  - name: devices
    alerts: {{rule: [silent_device, bin_overflow], district: chengqu, hours: "07:00-19:00"}}
    stop_when_over: true
    tell_end: true
    steps: [{{by: dispatch}}]
"""
DUMPED_AT: Final = NOW + 60_000


@contextmanager
def desk_with_notices(folder: Path) -> Iterator[tuple[Installation, Program]]:
    """Serve a desk until the end of the block. Its program answers as one does; its mail server is away."""
    program = Program(now_ms)
    variables = {
        "HAULWATCH_API_TOKEN": WRITE_TOKEN,
        "HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}",
        "HAULWATCH_SECRET_HOOK": Program.SECRET,
    }
    with served(program), closing(Installation(folder, variables, loaded=True)) as desk:
        seed(desk)
        content = RULES.format(url=program.url, port=free_port())
        with closing(NoticeRuleStore(open_database(f"sqlite:///{folder / 'haulwatch.db'}"))) as rules:
            rules.apply(StoredVersion(1, content, now_ms(), "li.wei", "winter duty"))
        desk.start_api()
        with closing(AlertJournal(open_database(f"sqlite:///{folder / 'haulwatch.db'}"))) as journal:
            journal.record([dump_at(DUMPED_AT)], recorded_at=now_ms())
        desk.until(lambda: bool(program.taken), "the program is told of the alert")
        yield desk, program
