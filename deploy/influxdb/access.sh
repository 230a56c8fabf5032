#!/bin/sh
# InfluxDB's image runs this at its first start, after it created the bucket. It grants access for Grafana and Haulwatch,
# so that only InfluxDB itself holds the administrator's token. To run it later, or again: docs/operation.md.
set -eu

# Ids in tables of `influx … list --hide-headers` whose second column is this.
ids() { sed -n "s/^\([0-9a-f]\{1,\}\)$(printf '\t')$1$(printf '\t').*/\1/p"; }

# Grafana reads, by InfluxQL, with user and password. What an earlier run made may be of a bucket that is gone.
for id in $(influx v1 auth list --org "$DOCKER_INFLUXDB_INIT_ORG" --username grafana --hide-headers | cut -f 1); do
  influx v1 auth delete --id "$id" >/dev/null
done
influx v1 auth create --org "$DOCKER_INFLUXDB_INIT_ORG" --username grafana \
  --password "$(cat /run/secrets/influx_grafana_password)" --read-bucket "$DOCKER_INFLUXDB_INIT_BUCKET_ID" >/dev/null

former="$(influx auth list --org "$DOCKER_INFLUXDB_INIT_ORG" --hide-headers | ids haulwatch)"

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

# The new token is in place: those of earlier runs open nothing any more.
for id in $former; do
  influx auth delete --id "$id" >/dev/null
done
