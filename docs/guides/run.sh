#!/usr/bin/env bash
# Follows guides word by word, each in a folder of its own: those named as arguments, or "isolate your application in fifteen
# minutes", the proxy's and the gateway's. On the server of PGHOST and PGPORT, or on a throw-away one. TENANTRY (a built program) spares the release build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. examples/server.sh
if [ -z "${PGPORT:-}" ]; then start_server; fi
unset TENANTRY_DATABASE_URL TENANTRY_CONFIG TENANTRY_CREDENTIALS TENANTRY_FORMAT
if [ -n "${TENANTRY:-}" ]; then TENANTRY_BIN=$(dirname "$(realpath "$TENANTRY")"); export TENANTRY_BIN; fi

# a guide works in a folder of its own, in which the repository is seen as the reader sees it
top=$PWD
here=$(mktemp -d)
trap 'rm -rf "$here"; if [ -n "${SERVER_FOLDER:-}" ]; then stop_server; fi' EXIT
if [ $# -eq 0 ]; then set -- isolate-in-fifteen-minutes proxy gateway; fi
for guide in "$@"; do
  mkdir "$here/$guide"
  for entry in examples crates Cargo.toml Cargo.lock; do ln -s "$top/$entry" "$here/$guide/$entry"; done
  if [ -z "${TENANTRY_BIN:-}" ]; then ln -s "$top/target" "$here/$guide/target"; fi
  dropdb --if-exists engage 2>/dev/null
  cd "$here/$guide"
  python3 "$top/docs/guides/follow.py" "$top/docs/guides/$guide.md"
done
