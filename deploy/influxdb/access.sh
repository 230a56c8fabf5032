#!/bin/sh
# Run by InfluxDB's image at its first start, after the bucket was made: who may do what there, so that nobody but
# InfluxDB itself holds the administrator's token. To run it later: docs/operation.md.
set -eu

# Grafana reads, by InfluxQL, with user and password.
influx v1 auth create --org "$DOCKER_INFLUXDB_INIT_ORG" --username grafana \
  --password "$(cat /run/secrets/influx_grafana_password)" --read-bucket "$DOCKER_INFLUXDB_INIT_BUCKET_ID" >/dev/null

# Haulwatch reads and writes. InfluxDB chooses the token, so it is handed over as a file, whole or not at all.
token="$(influx auth create --org "$DOCKER_INFLUXDB_INIT_ORG" --description haulwatch --json \
  --read-bucket "$DOCKER_INFLUXDB_INIT_BUCKET_ID" --write-bucket "$DOCKER_INFLUXDB_INIT_BUCKET_ID" |
  sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')"
test -n "$token"
file="${INFLUX_ACCESS:-/run/influx-access}/haulwatch_token"
printf %s "$token" >"$file.new"
# Read by Haulwatch's own user; only its containers have this volume.
chmod 644 "$file.new"
mv "$file.new" "$file"
