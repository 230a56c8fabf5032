"""`haulwatch gateway plate`: a person at the gate says which truck stands on a scale."""

import asyncio
import re
from typing import Annotated

import typer

from devices.codecs.topics import plate_topic
from devices.errors import OperatorError
from devices.readings.ids import DEVICE_ID_PATTERN
from haulwatch.commands.shared import exits_on_error, fail, out
from haulwatch.settings.load import load_settings
from ingest.gateways.scale.plates import read_plate, write_plate
from ingest.mqtt.client import BrokerUnavailable, MqttClient


class NotSent(OperatorError):
    """The broker did not take the plate."""


@exits_on_error
def plate(
    device: Annotated[str, typer.Argument(help="Id of the scale.")],
    plate: Annotated[str, typer.Argument(help="Plate of the truck that stands on it.")],
    direction: Annotated[str | None, typer.Option(help="in or out.")] = None,
    material: Annotated[str | None, typer.Option(help="Waste stream, as the site names it.")] = None,
    manifest: Annotated[str | None, typer.Option(help="Number of the manifest.")] = None,
) -> None:
    """Name the truck that stands on a scale: its weighing gets this plate, before one that a camera reads.

    Say it before the truck has left the platform. Later, `haulwatch weighings resolve` names the truck.
    """
    if not re.fullmatch(DEVICE_ID_PATTERN, device):
        fail(f"{device!r} can be no id of a device")
    if direction not in {None, "in", "out"}:
        fail("--direction: write in or out")
    given = {"plate": plate, "by": "person", "direction": direction, "material": material, "manifest": manifest}
    try:
        payload = write_plate(given)
        read_plate(payload)
    except ValueError as exc:
        fail(f"the plate is not sent: {exc}")
    asyncio.run(_send(device, payload))
    out.print(f"{device}: sent: {plate}, for the truck that stands on it now, if its gateway runs", markup=False)


async def _send(device: str, payload: bytes) -> None:
    mqtt = load_settings().mqtt
    try:
        async with MqttClient(mqtt.broker, f"{mqtt.client_id}-gate-{device}") as client:
            await client.publish(plate_topic(device), payload)
    except BrokerUnavailable as exc:
        raise NotSent(
            f"the plate is not sent: {mqtt.broker}: {exc}: start the broker, or set HAULWATCH_MQTT_URL"
        ) from exc
