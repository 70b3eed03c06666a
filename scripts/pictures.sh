#!/usr/bin/env bash
# Draws the pictures of docs/pacing.md again, by the simulation that they are of.
#   scripts/pictures.sh            draws them into docs/pictures/
#   scripts/pictures.sh --check    draws them elsewhere and says which differ from those in docs/pictures/
# Either way the table of docs/pacing.md has to be what the simulation prints. No test does this: the same seed gives the
# same picture on one machine each time, and on another the last digit of a logarithm may differ.
set -euo pipefail
cd "$(dirname "$0")/.."

pictures=(live-1-adaptive live-1-sprint live-1-even bursts-adaptive first-burst-adaptive)
seed=1

folder=docs/pictures
case ${1-} in
    "") ;;
    --check)
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
        ;;
    *)
        sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac

cargo build --quiet --release --locked --bin tidegate
tidegate=${CARGO_TARGET_DIR:-target}/release/tidegate

differ=()
for picture in "${pictures[@]}"; do
    "$tidegate" simulate --quiet --scenario "${picture%-*}" --policy "${picture##*-}" --seed "$seed" \
        --timeline "$folder/$picture.svg" >/dev/null
    cmp --silent "$folder/$picture.svg" "docs/pictures/$picture.svg" || differ+=("docs/pictures/$picture.svg")
done
table=$("$tidegate" simulate --quiet --scenario live-1 --seeds 5)
[[ $(<docs/pacing.md) == *"$table"* ]] || differ+=("docs/pacing.md (the table of live-1)")

if ((${#differ[@]})); then
    printf 'out of date: %s\n' "${differ[@]}" >&2
    exit 1
fi
