"""What Grafana shows: boards as code, and the files it is provisioned from."""

import warnings

with warnings.catch_warnings():
    # All three warn, when first imported, that there is a newer board model; ours is the classic one, on purpose.
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.models.dashboard
    import grafana_foundation_sdk.models.dashboardv2beta1  # noqa: F401
