#!/usr/bin/env bash
# Tests of the demonstration service, against a real database filled by ../generate.sql with seed 1 and four or more
# tenants. Of the database it changes rows only.
#
#   LEGACY_DATABASE_URL=postgres://engage_app@…  ./test.sh before    the leak, with the old login
#   CREDENTIALS=…/credentials.json               ./test.sh after     the wall, with the logins of `tenantry apply`
set -euo pipefail
cd "$(dirname "$0")"
case "${1:-}" in
  before) : "${LEGACY_DATABASE_URL:?set it to the database with the old login}" ;;
  after) : "${CREDENTIALS:?set it to the credentials file of tenantry apply}"; CREDENTIALS=$(realpath "$CREDENTIALS"); export CREDENTIALS ;;
  *) echo "usage: test.sh before|after" >&2; exit 2 ;;
esac
../../../sdk/typescript/build
if ! npm ls --all >/dev/null 2>&1; then npm ci --ignore-scripts --no-audit --no-fund >&2; fi
npm run --silent "test:$1"
