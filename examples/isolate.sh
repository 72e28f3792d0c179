#!/usr/bin/env bash
# isolate.sh APP TENANTS ROWS: takes an example application all the way and back on the server of PGHOST and PGPORT, as a
# superuser. Fails unless every command succeeds, every check passes, and the dumps before and after are the same.
set -euo pipefail
app=$1 tenants=$2 rows=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${TENANTRY:=$here/../target/debug/tenantry}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$(id -u)" = 0 ]; then chmod 711 "$work"; fi
plan=()
if grep -q '^create = true' "$here/$app/tenantry.toml"; then plan=(--create-root); fi

dropdb --if-exists "$app" 2>/dev/null
createdb "$app"
psql -qAtX -v ON_ERROR_STOP=1 -d "$app" -f "$here/$app/schema.sql" >/dev/null
psql -qAtX -v ON_ERROR_STOP=1 -d "$app" -f "$here/$app/generate.sql" -c "SELECT pg_temp.demo_generate($tenants, $rows, 1)" >/dev/null
export TENANTRY_DATABASE_URL="postgres://$PGUSER@$PGHOST:$PGPORT/$app" TENANTRY_CONFIG="$here/$app/tenantry.toml" TENANTRY_YES=true
dump() { { pg_dump --schema-only -d "$app"; pg_dumpall --roles-only; } | grep -v '^.\(un\)\?restrict '; }

run() {
  echo "$app: tenantry $1"
  "$TENANTRY" "$@" >"$work/out" 2>"$work/err" || { echo "exit code $?"; cat "$work/out" "$work/err"; exit 1; }
}
service() {
  if [ ! -d "$here/$app/service" ]; then return 0; fi
  echo "$app: the service, $1"
  "$here/$app/service/test.sh" "$1" >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
}
export LEGACY_DATABASE_URL="postgres://${app}_app@$PGHOST:$PGPORT/$app" CREDENTIALS="$work/credentials.json"

dump >"$work/before"
service before
run inspect
run plan --out "$work/isolation" "${plan[@]}"
run apply "$work/isolation" --credentials "$CREDENTIALS"
service before # old logins work until complete
service after
run complete
service after
run verify --credentials "$CREDENTIALS"
run rollback
dump >"$work/after"
diff "$work/before" "$work/after"
echo "$app: isolated, attacked, and given back as it was"
