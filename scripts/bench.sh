#!/usr/bin/env bash
# Runs every benchmark on the release build and prints what each found; figures are kept as JSON in target/bench/,
# and what was printed in target/bench/report.txt. A bar that is missed is printed and does not fail the run:
# machines differ. That of `decision` does: a request must not wait for its own admission. Ratios are taken in one run.
#   scripts/bench.sh            all of them
#   scripts/bench.sh metrics    one: decision, record, metrics or node
set -euo pipefail
cd "$(dirname "$0")/.."

crate_of() {
    case $1 in
        decision) echo quota ;;
        record) echo backends ;;
        metrics | node) echo service ;;
        *)
            echo "there is no benchmark $1: decision, record, metrics or node" >&2
            exit 2
            ;;
    esac
}

benches=("$@")
((${#benches[@]})) || benches=(decision record metrics node)
for bench in "${benches[@]}"; do crate_of "$bench" >/dev/null; done

mkdir -p target/bench
report=target/bench/report.txt
: >"$report"
for bench in "${benches[@]}"; do
    crate=$(crate_of "$bench")
    cargo build --quiet --locked --profile bench -p "$crate" --bench "$bench"
    {
        echo "== $bench"
        echo
        cargo bench --quiet --locked -p "$crate" --bench "$bench"
        echo
    } | tee -a "$report"
done

# `record` prints sentences; its figures are kept like those of the others.
if grep -q '^== record$' "$report"; then
    sed -n '/^== record$/,/^== /p' "$report" |
        sed -nE 's/^(.+): ([0-9]+) ([a-z]+) in ([0-9.]+) s, ([0-9]+) a second$/{"what": "\1", "count": \2, "things": "\3", "seconds": \4, "per_second": \5}/p' |
        paste -sd, | sed 's/.*/[&]/' >target/bench/record.json
fi
echo "kept in target/bench/: $(cd target/bench && ls *.json | paste -sd' ')"
