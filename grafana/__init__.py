"""What Grafana shows: boards as code, and the files it is provisioned from."""
