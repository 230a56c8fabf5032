#!/bin/sh
# Installs from Debian the real servers that tests start themselves on free ports, a browser for the tests of the console,
# what reads PDF, Java and Maven for Kafka, and a C compiler for those of the compiled judgement, where that is possible
# without asking.
# Never fails: a test whose server is absent is skipped by name, with the reason.
set -u
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=""
for pair in mosquitto:mosquitto influxd:influxdb nginx:nginx-light pdftotext:poppler-utils java:openjdk-17-jre-headless mvn:maven cc:gcc,libc6-dev; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing $(echo "${pair##*:}" | tr , ' ')"
done
# The shell is a browser without windows: tests take half the time with it. Not every release has it.
browser="chromium-headless-shell fonts-wqy-microhei"
command -v chromium-headless-shell >/dev/null 2>&1 && browser=""
[ -n "$missing$browser" ] || exit 0

skip() {
    echo "test: not installed:$missing $browser ($1): the tests that need them will be reported as skipped" >&2
    exit 0
}

command -v apt-get >/dev/null 2>&1 || skip "no apt-get here; install them by hand to run everything"
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    skip "neither root nor sudo without a password; install them by hand to run everything"
fi

echo "test: installing$missing $browser" >&2
# Debian asks this file whether a package may start its daemon: no, tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && $as_root chmod 755 "$policy"
    trap '$as_root rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
fi

apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -qq -y \
        -o DPkg::Lock::Timeout=60 -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o APT::Update::Error-Mode=any \
        "$@" </dev/null >/dev/null 2>&1
}
install_all() {
    # shellcheck disable=SC2086  # lists of package names
    apt install --no-install-recommends $missing $browser
}
install_all || { apt update && install_all; } || {
    browser=$(command -v chromium >/dev/null 2>&1 || echo "$browser" | sed s/-headless-shell//)
    { [ -z "$missing$browser" ] || install_all; } || skip "apt-get could not install them"
}
