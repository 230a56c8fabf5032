"""Metrics of gateways. Reasons and names come from closed lists."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ingest.gateways.status import GatewayFigures


def gateway_metrics(gateways: Mapping[str, GatewayFigures | None]) -> Iterator[Metric]:
    """By name of the gateway; None: it does not run, and did not end by itself."""
    if not gateways:
        return
    up = GaugeMetricFamily("haulwatch_gateway_up", "1: the gateway runs", labels=["gateway"])
    for name, figures in gateways.items():
        up.add_metric([name], figures is not None)
    yield up
    running = {name: figures for name, figures in gateways.items() if figures is not None}
    broker = GaugeMetricFamily(
        "haulwatch_gateway_broker_connected", "1: the gateway is connected to the broker", labels=["gateway"]
    )
    devices = GaugeMetricFamily("haulwatch_gateway_devices", "Devices that are connected", labels=["gateway"])
    connections = GaugeMetricFamily("haulwatch_gateway_connections", "Open connections", labels=["gateway"])
    messages = CounterMetricFamily(
        "haulwatch_gateway_messages",
        "Messages of devices: received, published, and not taken by the broker, since the gateway started",
        labels=["gateway", "state"],
    )
    refused = CounterMetricFamily(
        "haulwatch_gateway_refused", "Refused connections and messages", labels=["gateway", "reason"]
    )
    troubles = GaugeMetricFamily(
        "haulwatch_gateway_trouble", "1: a person should look at this trouble", labels=["gateway", "trouble"]
    )
    for name, figures in running.items():
        broker.add_metric([name], figures.broker_connected)
        devices.add_metric([name], figures.devices)
        connections.add_metric([name], figures.connections)
        for state in ("received", "published", "not_published"):
            messages.add_metric([name, state], getattr(figures, state))
        for reason, count in sorted(figures.refused.items()):
            refused.add_metric([name, reason], count)
        for trouble in figures.troubles:
            troubles.add_metric([name, trouble], 1)
    yield from (broker, devices, connections, messages, refused, troubles)
