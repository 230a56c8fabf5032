"""Tests of the boards and of their provisioning."""

import grafana  # noqa: F401  (first: it silences the SDK's warning about its own board model)
