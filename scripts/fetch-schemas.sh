#!/usr/bin/env bash
# Brings GitHub's own published descriptions into target/schemas/, for the tests that hold the simulator and our
# GraphQL documents against them:
#   schema.graphql        the GraphQL schema             (npm package @octokit/graphql-schema)
#   api.github.com.json   the OpenAPI description, REST  (npm package @octokit/openapi)
# Both versions are pinned; npm checks the integrity of what it downloads. Nothing is fetched when the pinned
# versions are there already, so that this can run before every test run.
set -euo pipefail
cd "$(dirname "$0")/.."

graphql='@octokit/graphql-schema@15.26.1'
openapi='@octokit/openapi@23.0.2'

folder=target/schemas
stamp="$folder/versions"
wanted="$graphql $openapi"

if [[ -s "$folder/schema.graphql" && -s "$folder/api.github.com.json" && "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then
    exit 0
fi

command -v npm >/dev/null 2>&1 || {
    echo "GitHub's descriptions come as npm packages, and there is no npm: install it (Debian and Ubuntu: apt-get install npm)" >&2
    exit 1
}

mkdir -p "$folder"
work=$(mktemp -d "$folder/fetching.XXXXXX")
trap 'rm -rf "$work"' EXIT

# npm writes the file's name to stdout, and only that.
fetch() {
    local package=$1 member=$2 archive
    if ! archive=$(npm pack --silent --pack-destination "$work" "$package" 2>"$work/npm.log"); then
        echo "npm cannot fetch $package: is its registry reachable? (npm config get registry; npm ping)" >&2
        cat "$work/npm.log" >&2
        exit 1
    fi
    tar -xzf "$work/$archive" -C "$work" --strip-components=1 "package/$member"
}

echo "fetching $graphql and $openapi into $folder"
fetch "$graphql" schema.graphql
fetch "$openapi" generated/api.github.com.json

rm -f "$stamp"
mv "$work/schema.graphql" "$folder/schema.graphql"
mv "$work/generated/api.github.com.json" "$folder/api.github.com.json"
echo "$wanted" >"$stamp"
