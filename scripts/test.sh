#!/usr/bin/env bash
# Runs every test. Brings what the tests need beside a Rust toolchain:
#   promtool          checks our /metrics             (Debian package prometheus)
#   prometheus        scrapes a demo in a system test (the same package)
#   python3 + venv    a strict OpenMetrics parser     (PyPI package prometheus-client)
#   npm               GitHub's published descriptions (scripts/fetch-schemas.sh)
#   git               real histories for the simulator
# What is missing is installed with apt-get where that is possible (as root, or with a password-less sudo);
# otherwise the script says what to install and fails: no test is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need promtool prometheus
need prometheus prometheus
need python3 python3
need git git
need npm npm
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)

if ((${#missing[@]})); then
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
    as_root=()
    [[ $(id -u) == 0 ]] || as_root=(sudo -n)
    if command -v apt-get >/dev/null 2>&1 && { [[ $(id -u) == 0 ]] || sudo -n true 2>/dev/null; }; then
        echo "installing: ${missing[*]}"
        "${as_root[@]}" apt-get update -qq
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "the tests need these packages: ${missing[*]}; install them (Debian and Ubuntu: apt-get install ${missing[*]}) and run make test again" >&2
        exit 1
    fi
fi

scripts/fetch-schemas.sh

# The OpenMetrics parser lives in an environment of its own under target/, pinned.
venv=target/openmetrics-venv
if ! "$venv/bin/python" -c 'import prometheus_client.openmetrics.parser' >/dev/null 2>&1; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'prometheus-client==0.26.0'
fi

exec cargo test --workspace --locked "$@"
