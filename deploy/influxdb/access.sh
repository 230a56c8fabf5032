#!/bin/sh
# InfluxDB's image runs this at its first start, after it created the bucket. It grants access for Grafana and Haulwatch,
# so that only InfluxDB itself holds the administrator's token. To run it later: docs/operation.md.
set -eu

# Grafana reads, by InfluxQL, with user and password.
influx v1 auth create --org "$DOCKER_INFLUXDB_INIT_ORG" --username grafana \
  --password "$(cat /run/secrets/influx_grafana_password)" --read-bucket "$DOCKER_INFLUXDB_INIT_BUCKET_ID" >/dev/null

# Haulwatch reads and writes. InfluxDB chooses the token, so it is handed over as a file, replaced atomically.
token="$(influx auth create --org "$DOCKER_INFLUXDB_INIT_ORG" --description haulwatch --json \
  --read-bucket "$DOCKER_INFLUXDB_INIT_BUCKET_ID" --write-bucket "$DOCKER_INFLUXDB_INIT_BUCKET_ID" |
  sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')"
test -n "$token"
file="${INFLUX_ACCESS:-/run/influx-access}/haulwatch_token"
printf %s "$token" >"$file.new"
# Haulwatch's own user reads it; only its containers mount this volume.
chmod 644 "$file.new"
mv "$file.new" "$file"
