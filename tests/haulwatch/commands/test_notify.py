"""`haulwatch notify`: a person checks notice rules, tries a channel, applies them, and looks at what was sent."""

from pathlib import Path

import pytest

from devices.db.database import open_database
from haulwatch.process.system_clock import now_ms
from ingest.notices.notice import Kind, NewNotice, State
from ingest.notices.outbox import NoticeOutbox
from tests.haulwatch.commands.desk import Desk
from tests.ingest.notices.conftest import patient
from tests.ingest.notices.night import SECRETS
from tests.ingest.notices.services import WeCom, served


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "notices.yaml"
    write(path, "http://127.0.0.1:9")
    return path


def write(path: Path, server: str) -> None:
    path.write_text(f"""
channels:
  group: {{kind: wecom, key: WECOM, server: '{server}'}}
  post: {{kind: mail, host: localhost, port: 9, security: none, sender: haulwatch@example.org}}
people:
  li: {{name: Li, wecom: li, language: en}}
  wang: {{name: Wang, mail: wang@example.org}}
duty: {{always: [{{who: li}}]}}
rules:
  - name: dumps
    alerts: {{rule: illegal_dumping, district: nowhere}}
    steps: [{{by: group, tell: {{duty: always, people: wang}}}}, {{after_min: 10, by: post, tell: {{people: wang}}}}]
""")


def test_before_the_first_rules_nobody_is_told(desk: Desk) -> None:
    assert "there are no notice rules" in desk.refused("notify", "list")
    assert desk.ask("notify", "status") == {"channels": [], "notices": []}


def test_a_file_is_checked_applied_and_holds(desk: Desk, file: Path) -> None:
    checked = desk.run("notify", "validate", str(file))
    assert checked.exit_code == 0
    words = " ".join(checked.stdout.split())
    assert "HAULWATCH_SECRET_WECOM is not set" in words
    assert "rule dumps: district 'nowhere': jincheng has none of this name" in words
    assert "rule dumps: wang cannot be mentioned in group: give the person `wecom` or `mobile`" in words
    assert "is correct: 2 channels, 2 people, 1 rules" in words
    assert desk.ask("notify", "apply", str(file), "--reason", "begin", "--by", "li") == {"version": 1}
    assert "holds already" in desk.refused("notify", "apply", str(file), "--reason", "again")
    found = desk.ask("notify", "list")
    assert (found["version"], found["on_duty"]) == (1, {"always": ["li"]})
    listed = desk.run("notify", "list").stdout
    assert all(words in listed for words in ("P4 or graver", "on duty: always", "10 min later", "on duty now"))
    assert desk.run("notify", "show").stdout.startswith("# notice rules 1, 20")


def test_a_file_with_faults_changes_nothing(desk: Desk, file: Path) -> None:
    faults = {
        "chanels: {}": "notices.yaml:1: chanels: no such key: did you mean 'channels'?",
        "rules: [{name: a, steps: [{by: x}]}]": "notices.yaml:1: rules[1].steps[1].by: no channel 'x': there are none",
    }
    for text, fault in faults.items():
        file.write_text(text)
        for command in (("validate", str(file)), ("apply", str(file), "--reason", "x")):
            assert fault in desk.refused("notify", *command)
    assert "there are no notice rules" in desk.refused("notify", "list")


def test_a_test_message_shows_what_the_service_answered(
    desk: Desk, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch)
    desk.env |= SECRETS
    with served(WeCom(now_ms)) as wecom:
        write(file, wecom.url)
        option = ("--file", str(file))
        [result] = desk.ask("notify", "test", "group", "--to", "li", *option)
        assert (result["outcome"], result["detail"]) == ("sent", "errcode 0")
        text = wecom.taken[0].json["text"]
        assert text["content"].startswith("[test] Haulwatch notices\n")
        assert text["mentioned_list"] == ["li"]
        wecom.script = [(200, {"errcode": 93000, "errmsg": "invalid webhook url"})]
        refused = desk.run("notify", "test", "--to", "li", *option)
        assert refused.exit_code == 1
        assert "errcode 93000: invalid webhook url" in " ".join(refused.stdout.split())
        assert len(wecom.taken) == 1
    assert "did you mean 'group'?" in desk.refused("notify", "test", "grup", *option)
    assert "did you mean 'wang'?" in desk.refused("notify", "test", "--to", "wan", *option)
    assert "name one with --to: wang" in desk.refused("notify", "test", "post", *option)
    assert "give a channel, or --to" in desk.refused("notify", "test", *option)
    away = desk.run("notify", "test", "group", *option)
    assert away.exit_code == 1
    assert "cannot be reached" in away.stdout
    assert not any(secret in away.output + refused.output for secret in SECRETS.values())


def test_status_shows_what_did_not_arrive(desk: Desk, file: Path) -> None:
    desk.ask("notify", "apply", str(file), "--reason", "begin")
    outbox = NoticeOutbox(open_database(desk.settings().database_url.get_secret_value()))
    new = NewNotice("a" * 16, "confirmed 1", "group", "", ("li",), Kind.CALL, "illegal_dumping", "P1", "zh", "题", "文")
    outbox.plan(new.alert_id, new.event, [new], [], now_ms())
    [waiting] = outbox.waiting("group", 9)
    assert desk.run("notify", "status").exit_code == 0
    outbox.begin(waiting.no, now_ms())
    outbox.give_up(waiting.no, State.FAILED, now_ms(), "errcode 93000: invalid webhook url")
    outbox.close()
    shown = desk.run("notify", "status")
    assert shown.exit_code == 1
    assert "errcode 93000: invalid webhook url" in " ".join(shown.stdout.split())
    answer = desk.run("notify", "status", "--json")
    assert '"failed": 1' in answer.stdout
    assert '"state": "failed"' in answer.stdout
