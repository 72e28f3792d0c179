#!/usr/bin/env bash
# The outside judge: pgrls finds no error in any isolated database, or each exception stands with its reason in
# bin/lib/pgrls-exceptions.toml. The databases are the examples and the corpus, on a throw-away server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. bin/lib/common.sh
. examples/server.sh
need psql postgresql-client
need python3 python3

venv=target/pgrls
if ! "$venv/bin/pgrls" --version 2>/dev/null | grep -q '0\.57\.1'; then
  say "installing pgrls 0.57.1"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet pgrls==0.57.1 'psycopg[binary]'
fi
if [ -z "${TENANTRY:-}" ]; then
  cargo build --quiet --locked --package tenantry
  TENANTRY="${CARGO_TARGET_DIR:-$PWD/target}/debug/tenantry"
fi
start_server

corpus=${TENANTRY_CORPUS:-../shared/corpus}
work=$(mktemp -d)
judge() { # NAME REGISTRY
  local plan=()
  export TENANTRY_DATABASE_URL="postgres://$PGUSER@$PGHOST:$PGPORT/$1" TENANTRY_CONFIG=$2 TENANTRY_YES=true
  "$TENANTRY" --quiet inspect --format json >"$work/before.json"
  python3 bin/lib/pgrls.py has-tenant "$work/before.json" || plan=(--create-root)
  "$TENANTRY" --quiet plan --out "$work/$1" "${plan[@]}" >"$work/out" || { cat "$work/out"; return 1; }
  "$TENANTRY" --quiet apply "$work/$1" >/dev/null
  "$TENANTRY" --quiet complete >/dev/null
  "$TENANTRY" --quiet inspect --format json >"$work/$1/inspect.json"
  # exit code 1 means findings, and they are judged next
  "$venv/bin/pgrls" lint --database-url "$TENANTRY_DATABASE_URL" --format json --output "$work/$1/pgrls.json" \
    --schemas "$(python3 bin/lib/pgrls.py schemas "$work/$1/inspect.json")" >/dev/null || [ $? = 1 ]
  python3 bin/lib/pgrls.py judge "$1" "$work/$1/inspect.json" "$work/$1/pgrls.json" bin/lib/pgrls-exceptions.toml
  dropdb "$1"
}

for app in engage rentals projects; do
  createdb "$app"
  psql -qAtX -v ON_ERROR_STOP=1 -d "$app" -f "examples/$app/schema.sql" >/dev/null
  judge "$app" "examples/$app/tenantry.toml"
done
if [ -d "$corpus/catalogues" ]; then
  for catalogue in "$corpus"/catalogues/*.json; do
    app=$(basename "$catalogue" .json)
    registry=crates/testkit/fixtures/corpus/$app.toml
    [ -f "$registry" ] || continue
    createdb "$app"
    python3 "$corpus/scripts/regenerate.py" "$catalogue" | psql -qAtX -v ON_ERROR_STOP=1 -d "$app" >/dev/null
    judge "$app" "$registry"
  done
else
  say "no corpus in $corpus: only the examples were judged"
fi
rm -rf "$work"
