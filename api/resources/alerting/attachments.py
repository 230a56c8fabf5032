"""Photos and documents of an alert."""

from api.access.roles import OPERATORS
from api.access.visible import Parts
from api.attachments.routes import attachment_router
from api.http.problems import not_found
from api.resources.alerts import AlertPath
from rules.attachments.model import Owner, OwnerKind


def _owner(parts: Parts, alert_id: AlertPath) -> Owner:
    """Raises RequestRefused."""
    if parts.journal.alert(alert_id) is None:
        raise not_found("Alert", alert_id, "GET /api/v1/alerts lists all alerts")
    return Owner(OwnerKind.ALERT, alert_id)


router = attachment_router("/alerts", "/{alert_id}", "an alert", _owner, OPERATORS)
