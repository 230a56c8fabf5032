#!/bin/sh
# Copies the jars of the Kafka server that tests start into `jars`, with Maven, in some seconds.
# Never fails: tests of Kafka are then skipped by name, with the reason.
set -u
cd "$(dirname "$0")" || exit 0
[ jars/complete -nt pom.xml ] && exit 0
if ! command -v mvn >/dev/null 2>&1; then
    echo "test: not installed: Kafka (no mvn): the tests that need it will be reported as skipped" >&2
    exit 0
fi
echo "test: copying the jars of Kafka" >&2
timeout 300 mvn --batch-mode --quiet dependency:copy-dependencies -DoutputDirectory=jars </dev/null >/dev/null 2>&1 &&
    touch jars/complete ||
    echo "test: not installed: Kafka (Maven could not): the tests that need it will be reported as skipped" >&2
