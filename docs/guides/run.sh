#!/usr/bin/env bash
# Follows the guide "isolate your application in fifteen minutes" word by word: on the server of PGHOST and PGPORT, or on a
# throw-away one. TENANTRY (a built program) spares the release build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. examples/server.sh
if [ -z "${PGPORT:-}" ]; then start_server; fi
unset TENANTRY_DATABASE_URL TENANTRY_CONFIG TENANTRY_CREDENTIALS TENANTRY_FORMAT
if [ -n "${TENANTRY:-}" ]; then TENANTRY_BIN=$(dirname "$(realpath "$TENANTRY")"); export TENANTRY_BIN; fi

# the guide works in a folder of its own, in which the repository is seen as the reader sees it
top=$PWD
here=$(mktemp -d)
trap 'rm -rf "$here"; if [ -n "${SERVER_FOLDER:-}" ]; then stop_server; fi' EXIT
for entry in examples crates Cargo.toml Cargo.lock; do ln -s "$top/$entry" "$here/$entry"; done
if [ -z "${TENANTRY_BIN:-}" ]; then ln -s "$top/target" "$here/target"; fi
dropdb --if-exists engage 2>/dev/null
cd "$here"
python3 "$top/docs/guides/follow.py" "$top/docs/guides/isolate-in-fifteen-minutes.md"
