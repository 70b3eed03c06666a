#!/usr/bin/env bash
# A real Prometheus (Debian package prometheus) reads a lively demo for a while:
#   scripts/soak-prometheus.sh [DURATION]      5m unless said otherwise; 90s, 10m, 2h
# Prints how it goes every half minute, and in the end every failed scrape, every complaint in Prometheus' log, and how
# PromQL over the counters compares with the simulator's truth. The organisation lives on meanwhile, so the truth is
# asked for before and after: what PromQL says must lie between. Ends in 1 if anything is wrong.
set -euo pipefail
cd "$(dirname "$0")/.."

duration=${1:-5m}
[[ $duration =~ ^([0-9]+)([smh])$ ]] || { echo "$duration is not a duration: write 90s, 5m or 2h" >&2; exit 2; }
case ${BASH_REMATCH[2]} in s) unit=1 ;; m) unit=60 ;; h) unit=3600 ;; esac
seconds=$((BASH_REMATCH[1] * unit))
command -v prometheus >/dev/null || { echo "there is no prometheus: apt-get install prometheus" >&2; exit 2; }

cargo build --quiet --release --locked --bin tidegate
work=$(mktemp -d)
trap 'kill "${children[@]}" 2>/dev/null || true; wait || true; rm -rf "$work"' EXIT
children=()

# Waits until a pattern stands in a file, and prints what it caught.
caught() {
    for _ in $(seq 300); do
        if sed -nE "s|.*$1.*|\1|p" "$2" | grep -m1 .; then return; fi
        sleep 0.1
    done
    echo "not seen in $2: $1" >&2
    return 1
}

target/release/tidegate demo --listen 127.0.0.1:0 >"$work/demo.out" 2>"$work/demo.err" &
children+=($!)
node=$(caught '^listening on http://([^ ]+)' "$work/demo.out")
caught 'GitHub +http://([^/]+)/' "$work/demo.out" >"$work/sim"
sim=$(cat "$work/sim")

cat >"$work/prometheus.yml" <<YAML
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs: [{job_name: tidegate, static_configs: [{targets: ['$node']}]}]
YAML
prometheus --config.file "$work/prometheus.yml" --storage.tsdb.path "$work/data" --web.listen-address 127.0.0.1:0 \
    2>"$work/prometheus.log" &
children+=($!)
prometheus=$(caught 'msg="Listening on".* address=([0-9.:]+)' "$work/prometheus.log")
caught '(ready to receive web requests)' "$work/prometheus.log" >"$work/ready"
echo "demo at http://$node, simulated GitHub at http://$sim, Prometheus at http://$prometheus, for $duration"

python3 - "$node" "$sim" "$prometheus" "$seconds" "$work/prometheus.log" <<'PYTHON'
import collections, json, re, sys, time, urllib.parse, urllib.request

node, sim, prometheus, seconds, log = sys.argv[1:]
seconds = int(seconds)


def get(address, path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=30) as answer:
        return json.load(answer)


def query(text, label=None):
    answer = get(prometheus, "/api/v1/query?" + urllib.parse.urlencode({"query": text}))
    return {row["metric"].get(label, ""): float(row["value"][1]) for row in answer["data"]["result"]}


def number(text):
    return query(text).get("", 0.0)


def truth():
    sums = collections.defaultdict(collections.Counter)
    for repo in get(sim, "/_sim/truth")["repos"]:
        for commit in repo["commits"]:
            sums["gh_commits_total"][commit["author"]] += 1
            sums["gh_lines_added_total"][commit["author"]] += commit["additions"]
            sums["gh_lines_removed_total"][commit["author"]] += commit["deletions"]
        for pull in repo["pulls"]:
            sums["gh_pull_requests_opened_total"][pull["author"]] += 1
            sums["gh_pull_requests_merged_total"][pull["author"]] += pull["state"] == "MERGED"
        for review in repo["reviews"]:
            sums["gh_reviews_submitted_total"][review["author"]] += 1
        for comment in repo["comments"]:
            sums["gh_comments_total"][comment["author"]] += 1
        for issue in repo["issues"]:
            sums["gh_issues_opened_total"][issue["author"]] += 1
    return sums


while not query("up"):
    time.sleep(0.1)
began = time.monotonic()
failures, told = {}, 0.0
while (left := seconds - (time.monotonic() - began)) > 0:
    time.sleep(min(1, left))
    for target in get(prometheus, "/api/v1/targets")["data"]["activeTargets"]:
        if target["lastError"]:
            failures[target["lastScrape"]] = target["lastError"]
    if time.monotonic() - told >= 30:
        told = time.monotonic()
        reads, up = number("sum(count_over_time(up[12h]))"), number("sum(sum_over_time(up[12h]))")
        print(f"{told - began:6.0f} s: {reads:.0f} scrapes, {reads - up:.0f} failed, "
              f"{number('sum(scrape_samples_scraped)'):.0f} samples, {number('sum(gh_commits_total)'):.0f} commits", flush=True)

wrong = [f"scrape of {when}: {why}" for when, why in failures.items()]
reads, up = number("sum(count_over_time(up[12h]))"), number("sum(sum_over_time(up[12h]))")
if reads < 0.8 * seconds or reads != up:
    wrong.append(f"{reads - up:.0f} of {reads:.0f} scrapes failed in {seconds} s")
with open(log) as lines:
    wrong += [line.strip() for line in lines if re.search("level=(warn|error)", line, re.I)]
resets = number("sum(resets(gh_commits_total[12h]))")
if resets:
    wrong.append(f"counters fell {resets:.0f} times")

before = truth()
# A cycle of the node, its next snapshot and the next scrape.
time.sleep(20)
found = {name: query(f"sum by (user) ({name})", "user") for name in before}
after = truth()
compared = 0
for name, users in after.items():
    for user in users.keys() | found[name].keys():
        least, has, most = before[name][user], found[name].get(user, 0.0), users[user]
        compared += 1
        if not least <= has <= most:
            wrong.append(f"{name} of {user}: {has:.0f} is not from {least} to {most}")
print(f"{reads:.0f} scrapes, {reads - up:.0f} failed; {compared} sums compared with the truth")
for line in wrong:
    print(f"WRONG {line}")
sys.exit(1 if wrong else 0)
PYTHON
