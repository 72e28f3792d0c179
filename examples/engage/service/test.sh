#!/usr/bin/env bash
# Tests of the demonstration service, against a real database filled by ../generate.sql with seed 1 and four or more
# tenants. Of the database it changes rows only.
#
#   LEGACY_DATABASE_URL=postgres://engage_app@…  ./test.sh before    the leak, with the old login
#   CREDENTIALS=…/credentials.json               ./test.sh after     the wall, with the logins of `tenantry apply`
#
# Behind gateway and proxy (../gateway.sh starts them and runs both of these):
#
#   ./test.sh gateway-issuer FOLDER     makes an issuer of tokens: jwks.json for the gateway, issuer.pem for the tests
#   WORK=FOLDER … ./test.sh gateway     the whole way of a request
set -euo pipefail
cd "$(dirname "$0")"
case "${1:-}" in
  before) : "${LEGACY_DATABASE_URL:?set it to the database with the old login}" ;;
  after) : "${CREDENTIALS:?set it to the credentials file of tenantry apply}"; CREDENTIALS=$(realpath "$CREDENTIALS"); export CREDENTIALS ;;
  gateway) : "${WORK:?set it to the folder of ../gateway.sh}" ;;
  gateway-issuer) folder=$(realpath "${2:?name a folder}") ;;
  *) echo "usage: test.sh before|after|gateway|gateway-issuer FOLDER" >&2; exit 2 ;;
esac
../../../sdk/typescript/build
if ! npm ls --all >/dev/null 2>&1; then npm ci --ignore-scripts --no-audit --no-fund >&2; fi
if [ "$1" = gateway-issuer ]; then
  npm run --silent build
  node dist/test/issuer.js "$folder"
else
  npm run --silent "test:$1"
fi
