"""The codec of Sparkplug B: what the gateway republished of one device → throughput and status.

The gateway (`ingest.gateways.sparkplug`) writes in the field `uuid` what kind of message it was (`republished_form`),
fills in names, types and a missing time, and adds the session and the metrics that did not change.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from devices.codecs.codec import MAX_PAYLOAD_BYTES, CorrectedItems, Flaw, WholeMessages, check_size
from devices.codecs.gateway_codec import GatewayCodec
from devices.codecs.sparkplug.datatypes import Value
from devices.codecs.sparkplug.payload import BadPayload, Metric, SparkplugPayload, read_payload, without_kept
from devices.codecs.sparkplug.profiles import (
    BUILT_IN,
    RATE,
    RUNNING,
    WHOLE,
    Profile,
    Source,
    check_settings,
    profile_of,
)
from devices.codecs.sparkplug.topics import MessageType
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.field_check import Correction, corrected_reading
from devices.readings.models import Kind, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal, refused

DIALECT: Final = "sparkplug"
SESSION: Final = "Haulwatch/Session"
"""The metric in which the gateway says to which session of the device a message belongs."""
_FORM: Final = "haulwatch-1:"
_CAUSES: Final = {
    MessageType.NBIRTH: "birth",
    MessageType.DBIRTH: "birth",
    MessageType.NDATA: "heartbeat",
    MessageType.DDATA: "heartbeat",
    MessageType.NDEATH: "will",
    MessageType.DDEATH: "will",
}


def republished_form(message_type: MessageType) -> str:
    """What stands in `uuid` of a republished message."""
    return f"{_FORM}{message_type}"


class _Item(NamedTuple):
    """A reading with what was corrected in it, or why there is none."""

    what: Reading | Refusal
    corrections: Sequence[Correction] = ()


class Sparkplug(GatewayCodec, WholeMessages):
    """The codec (`devices.codecs.codec.Codec`, `ProfiledCodec`, `WeighingCodec`) of Sparkplug B.

    A device is named after group, edge node and device (`devices.codecs.sparkplug.topics.device_id_of`).
    """

    dialect = DIALECT
    has_weighings = False

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """Throughput where a metric of the profile came, else a sign of life. Raises DecodeError."""
        check_size(payload, max_bytes)
        try:
            message = read_payload(payload)
        except BadPayload as exc:
            raise refused(Reason.NOT_A_READING, "payload", str(exc)) from exc
        device_id = self.named_device(topic)
        found = _items(device_id, _cause(message), message, decoding)
        items = [Flaw(payload, item.what) if isinstance(item.what, Refusal) else item.what for item in found]
        corrections = {index: item.corrections for index, item in enumerate(found) if item.corrections}
        return CorrectedItems(items, corrections) if corrections else items

    def profiles(self) -> Collection[str]:
        """The profile of what is only on line or off line."""
        return BUILT_IN

    def check_settings(self, settings: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """Faults in the settings of a city's profile: the key, and what to write. Never raises."""
        return check_settings(settings)


SPARKPLUG: Final = Sparkplug()


def _cause(message: SparkplugPayload) -> str:
    kind = message.uuid.removeprefix(_FORM)
    if not message.uuid.startswith(_FORM) or kind not in MessageType.__members__ or MessageType(kind) not in _CAUSES:
        detail = f"{message.uuid!r:.40} is no form of `haulwatch gateway sparkplug`: edge nodes publish to it"
        raise refused(Reason.NOT_A_READING, "uuid", detail)
    return _CAUSES[MessageType(kind)]


def _items(device_id: str, cause: str, message: SparkplugPayload, decoding: Decoding) -> list[_Item]:
    """Raises DecodeError: the time of the message is out of bounds."""
    session = message.metric(SESSION)
    status: dict[str, Any] = {
        "ts": message.timestamp,
        "online": cause != "will",
        "cause": cause,
        "session": session.value if session is not None else 0,
    }
    found: list[_Item] = []
    details: Mapping[str, Any] = {}
    # The reading of a device that is not registered with this dialect is refused: the sign of life stands for it.
    if decoding.dialect == DIALECT and cause != "will":
        try:
            profile = _registered(decoding)
            if cause == "birth":
                _check_names(profile, message)
            found = [*_past(device_id, profile, message), *_present(device_id, profile, message)]
            details = _values(profile.status, without_kept(message.metrics))
        except DecodeError as exc:
            found = [_Item(exc.refusal)]
    if cause != "heartbeat" or details or not any(isinstance(item.what, Reading) for item in found):
        found.append(_Item(*corrected_reading(Kind.STATUS, status | dict(details), device_id)))
    return found


def _registered(decoding: Decoding) -> Profile:
    profile = profile_of(decoding)
    if profile is None:
        wrong = f"{decoding.profile!r} is neither of the city nor built in" if decoding.profile else "is not registered"
        raise refused(
            Reason.MISSING_FIELD, "profile", f"{wrong}: set it to one of profiles.yaml, or to {', '.join(BUILT_IN)}"
        )
    return profile


def _check_names(profile: Profile, message: SparkplugPayload) -> None:
    """A birth has every metric. Raises DecodeError for a profile that reads another one."""
    names = {metric.name for metric in message.metrics}
    wanted = [source.metric for sources in (profile.throughput, profile.status) for source in sources.values()]
    missing = [name for name in wanted if name not in names]
    if missing:
        detail = f"reads the metric {missing[0]!r}, which is not in the birth of the device: correct profiles.yaml"
        raise refused(Reason.MISSING_FIELD, "profile", detail)


def _present(device_id: str, profile: Profile, message: SparkplugPayload) -> list[_Item]:
    """The throughput now, if one of its metrics came; those that did not change complete it."""
    metrics = [metric for metric in message.metrics if not metric.is_historical and not metric.is_transient]
    names = {source.metric for source in profile.throughput.values()}
    sent = [metric for metric in without_kept(metrics) if metric.name in names]
    values = _values(profile.throughput, metrics)
    needed = {RATE, RUNNING} & profile.throughput.keys()
    if not sent or not needed <= values.keys():
        return []  # what is needed is unknown now
    times = [metric.timestamp for metric in sent if metric.timestamp is not None]
    return [_throughput(device_id, profile, max(times, default=message.timestamp), values)]


def _past(device_id: str, profile: Profile, message: SparkplugPayload) -> list[_Item]:
    """Stored values, each at its own time. Of refusals that say the same, the first stands for all."""
    moments: defaultdict[int | None, list[Metric]] = defaultdict(list)
    for metric in without_kept(message.metrics):
        if metric.is_historical and not metric.is_transient:
            moments[metric.timestamp if metric.timestamp is not None else message.timestamp].append(metric)
    found: list[_Item] = []
    refused: set[tuple[Reason, str | None]] = set()
    for ts, metrics in moments.items():
        values = _values(profile.throughput, metrics)
        if not values:
            continue
        item = _throughput(device_id, profile, ts, values)
        if isinstance(item.what, Refusal):
            if (item.what.reason, item.what.field) in refused:
                continue
            refused.add((item.what.reason, item.what.field))
        found.append(item)
    return found


def _throughput(device_id: str, profile: Profile, ts: int | None, values: Mapping[str, Any]) -> _Item:
    given = {**values, "ts": ts}
    if RUNNING not in profile.throughput and isinstance(values.get(RATE), int | float):
        given[RUNNING] = values[RATE] > 0
    try:
        return _Item(*corrected_reading(Kind.THROUGHPUT, given, device_id))
    except DecodeError as exc:
        return _Item(exc.refusal)


def _values(sources: Mapping[str, Source], metrics: Iterable[Metric]) -> dict[str, Any]:
    """Values of fields by the metrics; the last one of a name counts. What is null, or of bad quality, is unknown."""
    by_name = {metric.name: metric for metric in metrics}
    found = {}
    for field, source in sources.items():
        metric = by_name.get(source.metric)
        if metric is not None and metric.is_valid and metric.value is not None:
            found[field] = _value(field, source, metric.value)
    return found


def _value(field: str, source: Source, value: Value) -> object:
    if field == RUNNING:
        if source.equals is not None:
            return value == source.equals
        return value > 0 if isinstance(value, int | float) else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    scaled = value * source.scale if source.scale != 1.0 else value
    return int(scaled) if field in WHOLE and float(scaled).is_integer() else scaled
