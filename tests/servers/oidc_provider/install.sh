#!/bin/sh
# Installs the real OpenID provider that tests start, with npm, in some seconds. $1: the folder of the environment's programs,
# where Node is if PATH has none. Never fails: tests of the provider are then skipped by name, with the reason.
set -u
cd "$(dirname "$0")" || exit 0
PATH="$PATH:$1"
[ node_modules/.package-lock.json -nt package-lock.json ] && exit 0
if ! command -v npm >/dev/null 2>&1; then
    echo "test: not installed: oidc-provider (no npm): the tests that need it will be reported as skipped" >&2
    exit 0
fi
npm ci --silent --no-progress --fetch-retries=1 --fetch-timeout=30000 >/dev/null 2>&1 ||
    echo "test: not installed: oidc-provider (npm could not): the tests that need it will be reported as skipped" >&2
