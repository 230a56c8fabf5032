"""Examples of alerts in answers, for the OpenAPI document."""

from typing import Any, Final

_REF_EXAMPLE: Final = {
    "device_id": "truck-001",
    "kind": "position",
    "ts": 1_772_352_930_250,
    "values": {"lift_up": True},
}
ALERT_EXAMPLE: Final[dict[str, Any]] = {
    "alert_id": "9f86d081884c7d65",
    "rule": "illegal_dumping",
    "rule_version": 1,
    "subject": "truck-001",
    "phase": "confirmed",
    "severity": "P1",
    "opened_at": 1_772_352_930_250,
    "confirmed_at": 1_772_353_050_250,
    "closed_at": None,
    "amendment": None,
    "title": {"en": "晋E10001 dumped its load outside every permitted site", "zh": "晋E10001 在核准场所外倾倒"},
    "lat": 35.491,
    "lon": 112.852,
    "evidence": {
        "parameters": {"confirmed_score": 1.5},
        "findings": [{"en": "Bed raised for 42 s while standing", "zh": "停车举升 42 秒"}],
        "ruled_out": [{"en": "No permitted site within 50 m", "zh": "50 米内无核准场所"}],
        "readings": [
            {"device_id": "truck-001", "kind": "position", "ts": 1_772_352_930_250, "values": {"lift_up": True}}
        ],
        "measures": {"score": 2.5},
    },
    "revision": 2,
    "acknowledged_by": None,
    "acknowledged_at": None,
    "assigned_to": None,
    "outcome": None,
    "handled_by": None,
    "handled_at": None,
    "first_recorded_at": 1_772_352_990_000,
    "learned_at": None,
    "listed_only": False,
    "shelved_until": None,
}
_NOT_IN_CHANGE: Final = frozenset(
    {"confirmed_at", "acknowledged_by", "acknowledged_at", "assigned_to"}
    | {"outcome", "handled_by", "handled_at", "first_recorded_at", "learned_at", "listed_only", "shelved_until"}
)
_ENTRY_EXAMPLE: Final = {
    "sequence": 17,
    "recorded_at": 1_772_353_051_000,
    "change": {
        **{name: value for name, value in ALERT_EXAMPLE.items() if name not in _NOT_IN_CHANGE},
        "at": 1_772_353_050_250,
    },
}
DETAIL_EXAMPLE: Final = {
    "alert": ALERT_EXAMPLE,
    "changes": [_ENTRY_EXAMPLE],
    "actions": [{"actor": "li.wei", "at": 1_772_353_100_000, "note": None, "kind": "acknowledge"}],
}
STREAM_EXAMPLE: Final = (
    'id: 17-4\nevent: change\ndata: {"sequence":17,"recorded_at":1772353051000,"change":{…},"shelved":false}\n\n'
    'id: 17-5\nevent: action\ndata: {"sequence":5,"alert_id":"9f86d081884c7d65","subject":"truck-001","action":{…}}\n\n'
)
