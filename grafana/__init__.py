"""Grafana boards as code, the files that Grafana is provisioned from, and their synchronisation.

Names of measurements enter (`devices.readings.series`); board JSON leaves. `python -m grafana.render` and
`haulwatch grafana` call it.
"""

import warnings

with warnings.catch_warnings():
    # All three warn on import that there is a newer board model. We use the classic model on purpose.
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.models.dashboard
    import grafana_foundation_sdk.models.dashboardv2beta1  # noqa: F401
