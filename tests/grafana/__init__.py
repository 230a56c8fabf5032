"""The boards and what they are provisioned from."""

import grafana  # noqa: F401  (first: it quiets the SDK's warning about its own board model)
