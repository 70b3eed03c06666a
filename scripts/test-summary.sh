#!/usr/bin/env bash
# Adds up the `test result:` lines of a cargo test run into one line. Fails if there was none, or a failure among them.
set -euo pipefail
awk '
    /^test result:/ { runs++; for (i = 1; i <= NF; i++) { if ($(i+1) ~ /^passed/) passed += $i; if ($(i+1) ~ /^failed/) failed += $i; if ($(i+1) ~ /^ignored/) ignored += $i } }
    END { if (!runs) { print "no test ran" > "/dev/stderr"; exit 1 }
          printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored
          exit failed > 0 }
' "${1:?usage: test-summary.sh OUTPUT}"
