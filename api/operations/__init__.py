"""Routes for monitoring: /healthz, /readyz and /metrics.

Results of checks and counters of the other processes enter; a status, a problem or Prometheus text leaves.
Orchestrators, load balancers and Prometheus call it.
"""
