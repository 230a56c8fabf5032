"""What the Sparkplug codec makes of republished messages."""

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codecs.codec import CorrectedItems, Flaw
from devices.codecs.registry import CODECS
from devices.codecs.sparkplug.codec import SESSION, SPARKPLUG, republished_form
from devices.codecs.sparkplug.datatypes import DataType, Value, typed
from devices.codecs.sparkplug.payload import Metric, SparkplugPayload, write_payload
from devices.codecs.sparkplug.topics import MessageType, device_id_of
from devices.codecs.topics import dialect_topic
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import Reading, Status, Throughput
from devices.readings.refusals import DecodeError, Reason

DEVICE: Final = "haul.ts3-gw.line-1"
TOPIC: Final = dialect_topic(DEVICE, "sparkplug")
TS: Final = 1_772_442_000_000
LINE: Final[dict[str, Any]] = {
    "throughput": {
        "running": "Line/Running",
        "rate_t_per_h": {"metric": "Line/Rate", "scale": 0.001},
        "processed_kg": {"metric": "Line/Total", "scale": 1000},
        "queue_trucks": "Line/Queue",
    },
    "status": {"firmware": "Properties/Firmware"},
}
REGISTERED: Final = Decoding("sparkplug", "sorting-line", LINE)


def metric(name: str, value: Value | None, ts: int | None = TS, **more: Any) -> Metric:
    kinds = {bool: DataType.BOOLEAN, str: DataType.STRING, int: DataType.INT64, float: DataType.DOUBLE}
    return Metric(name, None, ts, kinds.get(type(value)), value, **more)


BIRTH: Final = (
    metric("Line/Running", value=True),
    metric("Line/Rate", 42_500.0),
    metric("Line/Total", 1_234),
    metric("Line/Queue", 3.0),
    metric("Properties/Firmware", "1.4.2"),
    metric("Line/Temperature", 20.0),
)


def decoded(
    *metrics: Metric, kind: MessageType = MessageType.DDATA, decoding: Decoding = REGISTERED, ts: int | None = TS
) -> list[Reading | Flaw]:
    session = Metric(SESSION, datatype=DataType.UINT64, value=1_772_450_000_000)
    message = SparkplugPayload(ts, None, (session, *metrics), republished_form(kind))
    return SPARKPLUG.decode(TOPIC, write_payload(message), decoding=decoding)


def kept(*names: str) -> list[Metric]:
    return [
        Metric(one.name, None, one.timestamp, one.datatype, one.value, is_kept=True)
        for one in BIRTH
        if one.name in names
    ]


def test_a_birth_gives_throughput_and_status() -> None:
    assert decoded(*BIRTH, kind=MessageType.DBIRTH) == [
        Throughput(
            device_id=DEVICE, ts=TS, running=True, rate_t_per_h=42.5, processed_kg=1_234_000.0, queue_trucks=3
        ),
        Status(
            device_id=DEVICE, ts=TS, online=True, session=1_772_450_000_000, cause="birth", firmware="1.4.2"
        ),
    ]  # fmt: skip


def test_a_changed_rate_is_completed_by_what_did_not_change() -> None:
    items = decoded(metric("Line/Rate", 0.0, TS + 500), *kept("Line/Running", "Line/Total"))
    assert items == [
        Throughput(device_id=DEVICE, ts=TS + 500, running=True, rate_t_per_h=0.0, processed_kg=1_234_000.0)
    ]


def test_a_change_of_something_else_is_a_sign_of_life() -> None:
    items = decoded(metric("Line/Temperature", 21.0), *kept("Line/Running", "Line/Rate"))
    assert [type(item) for item in items] == [Status]


@pytest.mark.parametrize(
    "unknown",
    [
        metric("Line/Rate", None, is_null=True),
        metric("Line/Rate", 3.0, quality=0),
        metric("Line/Rate", 3.0, quality=500),
        metric("Line/Rate", 3.0, is_transient=True),
    ],
)
def test_an_unknown_rate_is_no_throughput(unknown: Metric) -> None:
    assert [type(item) for item in decoded(unknown, *kept("Line/Running"))] == [Status]


def test_stored_values_come_at_their_own_times() -> None:
    items = decoded(
        metric("Line/Rate", 10_000.0, TS - 60_000, is_historical=True),
        metric("Line/Running", value=True, ts=TS - 60_000, is_historical=True),
        metric("Line/Rate", 20_000.0, TS - 30_000, is_historical=True),
        metric("Line/Rate", 30_000.0),
        *kept("Line/Running"),
    )
    throughputs = [(item.ts, item.rate_t_per_h) for item in items if isinstance(item, Throughput)]
    assert throughputs == [(TS - 60_000, 10.0), (TS, 30.0)]
    [flaw] = [item for item in items if isinstance(item, Flaw)]  # at TS - 30 s nobody says whether it ran
    assert (flaw.refusal.reason, flaw.refusal.field) == (Reason.MISSING_FIELD, "running")


def test_a_line_without_a_metric_for_it_runs_while_its_rate_is_not_zero() -> None:
    decoding = Decoding("sparkplug", "rate-only", {"throughput": {"rate_t_per_h": "Rate"}})
    for rate, running in ((2.5, True), (0.0, False)):
        [item] = decoded(metric("Rate", rate), decoding=decoding)
        assert isinstance(item, Throughput)
        assert item.running is running


@pytest.mark.parametrize(("state", "running"), [("RUN", True), ("STOP", False)])
def test_a_text_may_say_that_a_line_runs(state: str, *, running: bool) -> None:
    settings_ = {"throughput": {"rate_t_per_h": "Rate", "running": {"metric": "State", "equals": "RUN"}}}
    [item] = decoded(metric("Rate", 1.0), metric("State", state), decoding=Decoding("sparkplug", "text", settings_))
    assert isinstance(item, Throughput)
    assert item.running is running


def test_a_death_names_the_session_that_it_ends() -> None:
    assert decoded(kind=MessageType.DDEATH) == [
        Status(device_id=DEVICE, ts=TS, online=False, session=1_772_450_000_000, cause="will")
    ]


def test_a_metric_that_no_birth_has_is_named() -> None:
    items = decoded(*BIRTH[:1], kind=MessageType.DBIRTH)
    [flaw] = [item for item in items if isinstance(item, Flaw)]
    assert flaw.refusal.field == "profile"
    assert "'Line/Rate'" in flaw.refusal.detail
    assert any(isinstance(item, Status) for item in items)


def test_a_registered_device_without_a_profile_is_told_so() -> None:
    items = decoded(*BIRTH, decoding=Decoding("sparkplug"))
    assert [item.refusal.field for item in items if isinstance(item, Flaw)] == ["profile"]


def test_the_profile_status_reads_nothing_else() -> None:
    assert [type(item) for item in decoded(*BIRTH, decoding=Decoding("sparkplug", "status"))] == [Status]


def test_an_unregistered_device_makes_one_letter() -> None:
    assert [type(item) for item in decoded(*BIRTH, decoding=UNREGISTERED)] == [Status]


def test_a_faulty_value_is_left_out_and_counted() -> None:
    items = decoded(metric("Line/Rate", 1_000.0), metric("Line/Queue", 2.5), *kept("Line/Running"))
    assert isinstance(items, CorrectedItems)
    assert {index: [one.field for one in found] for index, found in items.corrections.items()} == {0: ["queue_trucks"]}


def test_an_edge_node_cannot_go_round_the_gateway() -> None:
    """What it publishes itself has no form of the gateway, and its topic is another one."""
    raw = write_payload(SparkplugPayload(TS, 3, BIRTH))
    with pytest.raises(DecodeError, match="uuid"):
        SPARKPLUG.decode(TOPIC, raw, decoding=REGISTERED)
    assert CODECS.dialect_of("spBv1.0/haul/DDATA/ts3-gw/line-1") == "native"
    assert CODECS.dialect_of(TOPIC) == "sparkplug"


@pytest.mark.parametrize(
    ("names", "device_id"),
    [
        (("haul", "ts3-gw", "line-1"), "haul.ts3-gw.line-1"),
        (("haul", "ts3-gw"), "haul.ts3-gw"),
        (("haul", "ts 3", "line-1"), "haul.ts_3.line-1-c89e0d13"),
        (("a.b", "c"), "a_b.c-"),
        (("分拣", "线"), "x__._-"),
        (("g" * 40, "n" * 40), "g" * 40 + "." + "n" * 14 + "-"),
    ],
)
def test_ids(names: tuple[str, ...], device_id: str) -> None:
    found = device_id_of(*names)
    assert found.startswith(device_id)
    assert len(found) <= 64


names_ = st.text(min_size=1, max_size=40).filter(lambda text: not set(text) & set("+/#"))


@given(names_, names_, st.just("") | names_)
@settings(max_examples=50)
def test_every_id_can_be_registered_and_is_nobody_elses(group: str, node: str, device: str) -> None:
    device_id = device_id_of(group, node, device)
    assert SPARKPLUG.device_of(dialect_topic(device_id, "sparkplug")) == device_id
    assert device_id != device_id_of(group, node, device + " ")
    assert device_id != device_id_of(group + ".", node, device)


@given(st.integers(-(1 << 31), (1 << 31) - 1))
@settings(max_examples=50)
def test_signed_numbers_survive_the_unsigned_field(value: int) -> None:
    assert typed(DataType.INT32, value & 0xFFFF_FFFF) == value


values_ = st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.text(max_size=8)
metrics_ = st.builds(
    lambda name, value, ts, past, is_kept: metric(name, value, ts, is_historical=past, is_kept=is_kept),
    st.sampled_from([one.name for one in BIRTH]),
    values_,
    st.none() | st.integers(0, (1 << 64) - 1),
    st.booleans(),
    st.booleans(),
)


@given(
    st.lists(metrics_, max_size=6),
    st.sampled_from([MessageType.DBIRTH, MessageType.DDATA, MessageType.DDEATH]),
    st.none() | st.just(TS),
)
@settings(max_examples=50, deadline=None)
def test_whatever_a_device_sends_only_the_decode_error_is_raised(
    metrics: list[Metric], kind: MessageType, ts: int | None
) -> None:
    if ts is None and kind is not MessageType.DDATA:
        with pytest.raises(DecodeError, match="ts:"):
            decoded(*metrics, kind=kind, ts=ts)
        return
    try:
        items = decoded(*metrics, kind=kind, ts=ts)
    except DecodeError:
        items = []
    assert items or ts is None
    for item in items:
        if isinstance(item, Throughput):
            assert 0 <= item.rate_t_per_h <= 5_000


@given(st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_bytes(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        SPARKPLUG.decode(TOPIC, payload, decoding=REGISTERED)


@pytest.mark.parametrize(
    ("given_settings", "key"),
    [
        ({}, "throughput"),
        ({"thruput": {}}, "thruput"),
        ({"throughput": {"running": "R"}}, "throughput.rate_t_per_h"),
        ({"throughput": {"rate": "R"}}, "throughput.rate"),
        ({"throughput": {"rate_t_per_h": {"metric": "R", "unit": "t"}}}, "throughput.rate_t_per_h"),
        ({"throughput": {"rate_t_per_h": {"metric": "R", "scale": 0}}}, "throughput.rate_t_per_h.scale"),
        ({"throughput": {"rate_t_per_h": {"metric": ""}}}, "throughput.rate_t_per_h.metric"),
        ({"throughput": {"rate_t_per_h": {"metric": "R", "scale": float("nan")}}}, "throughput.rate_t_per_h.scale"),
        ({"throughput": ["R"]}, "throughput"),
        ({"status": {"firmware": 7}}, "status.firmware"),
        ({"throughput": {"rate_t_per_h": "R", "running": {"metric": "S", "equals": []}}}, "throughput.running.equals"),
    ],
)
def test_faults_of_settings_name_their_key(given_settings: dict[str, Any], key: str) -> None:
    assert key in [fault[0] for fault in SPARKPLUG.check_settings(given_settings)]
    assert not SPARKPLUG.check_settings(LINE)
