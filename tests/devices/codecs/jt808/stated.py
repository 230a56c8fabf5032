"""Values of messages under the names that the vectors have for them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from devices.codecs.jt808.body import BodyReader
from devices.codecs.jt808.controls import (
    AskParameters,
    Attributes,
    ConfirmAlarm,
    Control,
    DriverCard,
    Follow,
    ParameterAnswer,
    PassedThrough,
    SetParameters,
    Text,
    VehicleControl,
)
from devices.codecs.jt808.frame import Frame
from devices.codecs.jt808.location import parse_batch, parse_location_answer
from devices.codecs.jt808.messages import (
    Answer,
    Authentication,
    Registration,
    RegistrationAnswer,
    Resend,
    VendorTime,
)

Values = dict[str, Any]


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def hexadecimal(number: int, digits: int = 4) -> str:
    return f"0x{number:0{digits}X}"


def registration(frame: Frame) -> Values:
    found = Registration.read(frame)
    return {
        "province_id": found.province,
        "city_id": found.city,
        "maker_id": found.maker,
        "model": found.model,
        "terminal_id": found.terminal,
        "plate_colour": found.plate_colour,
        "plate": found.plate,
        "layout": found.edition,
    }


def authentication(frame: Frame) -> Values:
    found = Authentication.read(frame)
    return {"auth_code": found.code, "imei": found.imei, "software_version": found.software}


def answer(frame: Frame) -> Values:
    found = Answer.read(frame)
    message = hexadecimal(found.message_id)
    return {"answers_serial": found.serial, "answers_message": message, "result": found.result}


def registration_answer(frame: Frame) -> Values:
    found = RegistrationAnswer.read(frame)
    return {"answers_serial": found.serial, "result": found.result, "auth_code": found.code}


def parameters(found: ParameterAnswer | SetParameters) -> Values:
    names = {int: "value", str: "text", bytes: "raw_hex"}
    listed = [
        {
            "id": hexadecimal(one.id),
            names[type(one.value)]: one.value.hex() if isinstance(one.value, bytes) else one.value,
        }
        for one in found.parameters
    ]
    return {"count": len(listed), "parameters": listed}


def attributes(frame: Frame) -> Values:
    found = Attributes.read(frame)
    return {
        "terminal_type_bits": found.type_bits,
        "maker_id": found.maker,
        "maker_width_bytes": found.maker_bytes,
        "model": found.model,
        "terminal_id": found.terminal,
        "iccid": found.iccid,
        "hardware_version": found.hardware,
        "firmware_version": found.firmware,
        "gnss_bits": found.gnss_bits,
        "network_bits": found.network_bits,
    }


def driver_card(frame: Frame) -> Values:
    found = DriverCard.read(frame)
    return {
        "card_state": 1 if found.is_in else 2,
        "card_time_utc": found.at_ms,
        "read_result": found.result,
        "driver": found.name,
        "qualification": found.certificate,
        "issuer": found.issuer,
        "valid_until": found.valid_until,
    }


def text(frame: Frame) -> Values:
    found = Text.read(frame)
    return {"flags": found.flags, "type": found.type, "text": found.text}


def resend(frame: Frame) -> Values:
    found = Resend.read(frame)
    width = (len(frame.body) - 2 - 2 * len(found.numbers)) or None
    return {"original_serial": found.serial, "count_width_bytes": width, "package_numbers": list(found.numbers)}


def controls(frame: Frame) -> Values:
    found = VehicleControl.read(frame).controls
    pairs = [{"type": hexadecimal(kind), "parameter": parameter} for kind, parameter in found]
    return {"count": len(pairs), "controls": pairs}


def batch(frame: Frame) -> Values:
    found = parse_batch(frame)
    return {"count": found.count, "type": int(found.from_blind_area), "backfill": found.from_blind_area}


def vendor_time(frame: Frame) -> Values:
    body = BodyReader(frame.body)
    year, rest = body.number("year", 2), [body.number("time", 1) for _ in range(5)]
    at_ms = ms("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(year, *rest))
    assert VendorTime(at_ms).body() == frame.body
    return {"server_time_utc": at_ms}


READERS: Final[Mapping[int, Callable[[Frame], Values]]] = {
    0x0001: answer,
    0x8001: answer,
    0x0100: registration,
    0x0102: authentication,
    0x0104: lambda frame: (
        {"answers_serial": ParameterAnswer.read(frame).serial} | parameters(ParameterAnswer.read(frame))
    ),
    0x0107: attributes,
    0x0201: lambda frame: {"answers_serial": parse_location_answer(frame)[0]},
    0x0500: lambda frame: {"answers_serial": parse_location_answer(frame)[0]},
    0x0702: driver_card,
    0x0704: batch,
    0x0900: lambda frame: {
        "pass_through_type": hexadecimal(PassedThrough.read(frame).type, 2),
        "data_hex": PassedThrough.read(frame).data.hex(),
    },
    0x8003: resend,
    0x8100: registration_answer,
    0x8103: lambda frame: parameters(SetParameters.read(frame)),
    0x8105: lambda frame: {"command": Control.read(frame).command, "argument": Control.read(frame).argument},
    0x8106: lambda frame: {
        "count": len(AskParameters.read(frame).ids),
        "parameter_ids": [hexadecimal(one) for one in AskParameters.read(frame).ids],
    },
    0x8109: vendor_time,
    0x8202: lambda frame: {"interval_s": Follow.read(frame).interval_s, "valid_s": Follow.read(frame).valid_s},
    0x8203: lambda frame: {
        "alarm_serial": ConfirmAlarm.read(frame).serial,
        "confirm_bits": ConfirmAlarm.read(frame).alarm_bits,
    },
    0x8300: text,
    0x8500: controls,
}
