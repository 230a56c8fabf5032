"""Notice rules of the stories: one group in WeCom, people and their duty."""

from collections.abc import Callable
from typing import Any

from tests.ingest.notices.services import Service, WeCom

Serve = Callable[[type[Service]], Any]
PEOPLE = """
console: https://haulwatch.example
people:
  li: {name: 李明, wecom: li, mobile: "13800000000", roles: [officer], mail: li@example.com}
  wang: {name: Wang, wecom: wang, mail: wang@example.com, language: en}
  boss: {name: Boss, wecom: boss, mail: boss@example.com}
duty:
  night: [{who: [li], hours: "18:00-08:00"}, {who: [wang], hours: "08:00-18:00"}]
"""


def one_channel(service: Service, rules: str, *, options: str = "") -> str:
    return (
        f"{PEOPLE}\nchannels:\n  group: {{kind: wecom, key: WECOM, server: '{service.url}'{options}}}\nrules:\n{rules}"
    )


AT_ONCE = "  - {name: all, steps: [{by: [group], tell: {duty: [night]}}]}"
STEPS = """
  - name: all
    steps:
      - {by: [group], tell: {duty: [night]}}
      - {after_min: 10, by: [group], tell: {people: [boss]}}
      - {after_min: 20, by: [group], tell: {people: [wang]}}
"""


def mentioned(service: WeCom) -> list[str]:
    """Who was mentioned in each message."""
    return [",".join(request.json["text"]["mentioned_list"]) for request in service.taken]


def texts(service: WeCom) -> list[str]:
    return [request.json["text"]["content"] for request in service.taken]
