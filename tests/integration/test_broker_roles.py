"""What each user may do at a real Mosquitto with the deployed configuration, held against tables written by hand.

In a cell, `p` is a topic that the user may publish to and `s` one that it may subscribe to; `-` is neither. A topic
with a wildcard is only subscribed to. OWN is the device itself, EACH any other device (one of each role is tried), X a
group.
"""

import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from devices.readings.ids import Service
from tests.servers.deployed_broker import DeployedBroker
from tests.servers.mqtt_line import V5, V311, Line

pytestmark = pytest.mark.real

DEVICES = {
    "truck": "truck-001",
    "weighbridge": "weighbridge-01",
    "recycling": "point-001",
    "line": "line-01",
}
OTHERS = ("truck-002", "weighbridge-02", "point-002", "line-02")
DENIED = "Not authorized"

OF_DEVICES = """
topic                                    truck  weighbridge  recycling  line
haulwatch/v1/OWN/position                p      -            -          -
haulwatch/v1/OWN/weighing                -      p            -          -
haulwatch/v1/OWN/fill                    -      -            p          -
haulwatch/v1/OWN/throughput              -      -            -          p
haulwatch/v1/OWN/status                  p      p            p          p
haulwatch/v1/OWN/command                 s      s            s          s
haulwatch/v1/OWN/command/ack             p      p            p          p
haulwatch/v1/OWN/nonsense                -      -            -          -
haulwatch/v1/OWN/position/more           -      -            -          -
haulwatch/v1/OWN                         -      -            -          -
haulwatch/v2/OWN/status                  -      -            -          -
haulwatch/v1/EACH/position               -      -            -          -
haulwatch/v1/EACH/weighing               -      -            -          -
haulwatch/v1/EACH/fill                   -      -            -          -
haulwatch/v1/EACH/throughput             -      -            -          -
haulwatch/v1/EACH/status                 -      -            -          -
haulwatch/v1/EACH/command                -      -            -          -
haulwatch/v1/EACH/command/ack            -      -            -          -
haulwatch/v1/alerts/P1/illegal_dumping   -      -            -          -
$SYS/broker/uptime                       -      -            -          -
$CONTROL/dynamic-security/v1             -      -            -          -
haulwatch/v1/OWN/+                       -      -            -          -
haulwatch/v1/OWN/#                       -      -            -          -
haulwatch/v1/OWN/command/#               -      -            -          -
haulwatch/v1/+/command                   -      -            -          -
haulwatch/v1/+/+                         -      -            -          -
haulwatch/#                              -      -            -          -
+/v1/OWN/command                         -      -            -          -
#                                        -      -            -          -
$SYS/#                                   -      -            -          -
$CONTROL/#                               -      -            -          -
$share/X/haulwatch/v1/OWN/command        -      -            -          -
$share/X/haulwatch/v1/+/+                -      -            -          -
$share/X/#                               -      -            -          -
"""

OF_PROCESSES = """
topic                                    haulwatch-collector  haulwatch-alerts  haulwatch-commander  haulwatch-probe
haulwatch/v1/EACH/position               s                    -                 -                    -
haulwatch/v1/EACH/weighing               s                    -                 -                    -
haulwatch/v1/EACH/fill                   s                    -                 -                    -
haulwatch/v1/EACH/throughput             s                    -                 -                    -
haulwatch/v1/EACH/status                 s                    -                 -                    -
haulwatch/v1/EACH/command                s                    -                 p                    -
haulwatch/v1/EACH/command/ack            -                    -                 s                    -
haulwatch/v1/alerts/P1/illegal_dumping   -                    p                 -                    -
$SYS/broker/uptime                       -                    -                 s                    -
$CONTROL/dynamic-security/v1             -                    -                 -                    -
haulwatch/v1/+/+                         s                    -                 -                    -
haulwatch/v1/+/command/ack               -                    -                 s                    -
haulwatch/v1/#                           -                    -                 -                    -
#                                        -                    -                 -                    -
$SYS/#                                   -                    -                 s                    -
$CONTROL/#                               -                    -                 -                    -
$share/X/haulwatch/v1/+/+                s                    -                 -                    -
$share/X/haulwatch/v1/+/command/ack      -                    -                 -                    -
$share/X/#                               -                    -                 -                    -
"""


OF_GATEWAYS = """
topic                                    haulwatch-collector  haulwatch-gateway
haulwatch/v1/EACH/position               s                    -
haulwatch/v1/EACH/weighing               s                    -
haulwatch/v1/EACH/fill                   s                    -
haulwatch/v1/EACH/throughput             s                    -
haulwatch/v1/EACH/status                 s                    -
haulwatch/v1/EACH/jt808                  s                    p
haulwatch/v1/EACH/sparkplug              s                    p
haulwatch/v1/EACH/scale                  s                    p
haulwatch/v1/EACH/osmand                 s                    p
haulwatch/v1/EACH/traccar                s                    p
haulwatch/v1/EACH/native                 s                    -
haulwatch/v1/EACH/command                s                    s
haulwatch/v1/EACH/command/ack            -                    p
haulwatch/v1/EACH/gate/plate             -                    ps
haulwatch/v1/alerts/P1/illegal_dumping   -                    -
spBv1.0/STATE/haulwatch                  -                    ps
spBv1.0/plant/NCMD/node-1                -                    ps
spBv1.0/plant/DCMD/node-1/line           -                    s
spBv1.0/plant/DDATA/node-1/line          -                    s
haulwatch/v1/+/+                         s                    -
haulwatch/v1/+/command                   s                    s
haulwatch/v1/+/command/ack               -                    -
spBv1.0/#                                -                    s
#                                        -                    -
$SYS/#                                   -                    -
$CONTROL/#                               -                    -
$share/X/haulwatch/v1/+/+                s                    -
$share/X/spBv1.0/#                       -                    -
"""


OF_NETWORK_SERVERS = """
topic                                       haulwatch-collector  haulwatch-chirpstack  haulwatch-ttn
application/7/device/0badc0de/event/up      s                    p                     -
application/7/device/0badc0de/event/join    s                    p                     -
application/7/device/0badc0de/event/log     -                    -                     -
v3/bins@city/devices/bin-1/up               s                    -                     p
v3/bins@city/devices/bin-1/join             s                    -                     p
v3/bins@city/devices/bin-1/down/push        -                    -                     -
application/7/device/0badc0de/command/down  -                    s                     -
application/+/device/+/command/#            -                    s                     -
application/+/device/+/event/up             s                    -                     -
application/#                               -                    -                     -
haulwatch/v1/EACH/fill                      s                    -                     -
haulwatch/v1/EACH/jt808                     s                    -                     -
haulwatch/v1/EACH/command                   s                    -                     -
spBv1.0/plant/NDATA/node-1                  -                    -                     -
#                                           -                    -                     -
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedBroker]:
    deployed = DeployedBroker(tmp_path_factory.mktemp("broker"), *DEVICES.values(), "truck-002")
    with deployed.running():
        yield deployed


def connect(broker: DeployedBroker, user: str, version: int = V5) -> Line:
    password = broker.passwords[user]
    if user in set(Service):
        line = Line(broker.inner_port, user, password, version=version)  # type: ignore[arg-type]
    else:
        line = Line(broker.outer_port, user, password, tls=broker.trusting(), version=version)  # type: ignore[arg-type]
    assert line.answer == "Success"
    return line


def cell(line: Line, user: str, row: str) -> str:
    """What the broker lets the user do on a topic of the table, as its answers say."""
    topics = [
        row.replace("OWN", user).replace("EACH", other) for other in OTHERS if "EACH" in row or other == OTHERS[0]
    ]
    published = set() if {"+", "#"} & set(row) or "$share" in row else {line.publish(topic) for topic in topics}
    subscribed = {line.subscribe(topic) for topic in topics}
    assert published <= {"Success", DENIED}
    assert subscribed <= {"Granted QoS 1", DENIED}
    return (("p" if "Success" in published else "") + ("s" if "Granted QoS 1" in subscribed else "")) or "-"


@pytest.mark.parametrize(
    "table",
    [OF_DEVICES, OF_PROCESSES, OF_GATEWAYS, OF_NETWORK_SERVERS],
    ids=["devices", "processes", "gateways", "network-servers"],
)
def test_each_user_may_do_what_the_table_says_and_nothing_else(broker: DeployedBroker, table: str) -> None:
    head, *rows = table.strip().splitlines()
    columns = head.split()[1:]
    widths = [head.index(column) for column in columns]
    lines = {column: connect(broker, DEVICES.get(column, column)) for column in columns}
    seen = [head]
    for row in rows:
        text = topic = row.split()[0]
        for column, start in zip(columns, widths, strict=True):
            text = text.ljust(start) + cell(lines[column], DEVICES.get(column, column), topic)
        seen.append(text)
    sys.stdout.write("\n".join(seen) + "\n")
    assert seen == [head, *rows]


@pytest.mark.parametrize("version", [V5, V311])
def test_50_000_shared_subscriptions_of_one_device_are_refused_and_the_others_messages_flow(
    broker: DeployedBroker, version: int
) -> None:
    """With an access file they are granted, and the broker passes 20 messages/s in place of 8,000."""
    collector, culprit = connect(broker, Service.COLLECTOR), connect(broker, DEVICES["truck"], version)
    bystander, position = connect(broker, "truck-002"), "haulwatch/v1/truck-002/position"
    collector.subscribe("haulwatch/v1/+/position")
    answers: Counter[str] = Counter()
    for start in range(0, 50_000, 1_000):
        answers.update(culprit.subscribe_all([f"$share/x{n}/haulwatch/v1/+/+" for n in range(start, start + 1_000)]))
        assert bystander.publish(position) == "Success"
    assert answers == {DENIED if version == V5 else "Unspecified error": 50_000}
    assert collector.topics(50) == [position] * 50
    assert culprit.messages == []
