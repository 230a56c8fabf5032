#!/bin/sh
# Builds the console into api/console/built. Called by make; $1 is the folder of the environment's programs.
# Exits with 1 and says why where it cannot: then the API serves a page that says so.
set -eu
cd "$(dirname "$0")"
programs=$1

fail() {
  echo "console: $1" >&2
  exit 1
}

has_node() {
  command -v npm >/dev/null 2>&1 && node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null
}

if ! has_node; then
  PATH="$programs:$PATH"
  if ! has_node; then
    echo "console: no Node 20 or newer in PATH: installing the pinned one into the environment" >&2
    "$programs/python" -m pip --disable-pip-version-check --no-input --quiet install --require-hashes --no-deps \
      -r ../../../requirements-node.lock || fail "no Node: install Node 20 or newer, or make the Python package index reachable"
    has_node || fail "the Node of the environment does not run: install Node 20 or newer yourself"
  fi
fi

npm ci --silent --no-progress --fetch-retries=1 --fetch-timeout=30000 ||
  fail "npm cannot install its packages: make its registry reachable (NPM_CONFIG_REGISTRY=… for another), then make console"
npm run --silent build -- --logLevel=error || fail "the build failed: see above"
"$programs/python" -m gzip --best ../built/assets/*
