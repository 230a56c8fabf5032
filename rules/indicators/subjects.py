"""What the assessment is made of, read from the database: alerts about trucks, and the loads of each vehicle."""

from sqlalchemy import Connection, case, func, select

from rules.alerts.actions import Outcome
from rules.alerts.model import TAKEN_BACK, Phase, Severity
from rules.alerts.tables import alert
from rules.indicators.assessment import AlertSum, VehicleLoads
from rules.weighing.session import Flow, TareSource
from rules.weighing.tables import weighing_session


def alerts_of(connection: Connection, start: int, end: int, devices: frozenset[str]) -> list[AlertSum]:
    """Alerts about these devices that began from `start` until before `end`, ms, without those that were taken back."""
    row = alert.c
    query = (
        select(row.alert_id, row.subject, row.severity, row.opened_at, row.outcome, row.amendment, row.phase)
        .where(row.opened_at >= start, row.opened_at < end)
        .order_by(row.opened_at, row.alert_id)
    )
    return [
        AlertSum(alert_id, subject, Severity(severity), opened_at, None if outcome is None else Outcome(outcome))
        for alert_id, subject, severity, opened_at, outcome, amendment, phase in connection.execute(query)
        if subject in devices and amendment not in TAKEN_BACK and phase != Phase.CANDIDATE
    ]


def loads_by_vehicle(
    connection: Connection, start: int, end: int, vehicles: frozenset[str] | None = None
) -> dict[str, VehicleLoads]:
    """Loads that vehicles brought to sites, weighed from `start` until before `end`, ms."""
    row = weighing_session.c
    in_full = func.sum(case((row.tare_source == TareSource.WEIGHED.value, 1), else_=0))
    query = (
        select(row.vehicle_id, func.count(), in_full)
        .where(row.withdrawn.is_(False), row.weighed_at >= start, row.weighed_at < end)
        .where(row.vehicle_id.is_not(None), row.flow == Flow.IN.value)
        .group_by(row.vehicle_id)
    )
    if vehicles is not None:
        query = query.where(row.vehicle_id.in_(sorted(vehicles)))
    return {id_: VehicleLoads(int(loads), int(full)) for id_, loads, full in connection.execute(query)}
