#!/usr/bin/env bash
# gateway.sh [load …]: the whole way of a request, as browsers and APIs go it. The demonstration service behind tenantry's
# gateway, in front of tenantry's proxy and a throw-away PostgreSQL: two workspaces on subdomains, a third on a domain of its
# own with a certificate of a real authority (Pebble). service/test/gateway.test.ts asks and judges.
#
#   examples/engage/gateway.sh                                 the tests
#   examples/engage/gateway.sh load --seconds 300              many users of many workspaces at once (load.ts has the options)
#   examples/engage/gateway.sh load --seconds 3 --sabotage     the same without the wall: has to find leaks
set -euo pipefail
what=${1:-test}
case $what in
  test) ;;
  load) shift ;;
  *) echo "usage: gateway.sh [load [--seconds N] [--users N] [--tenants N] [--json] [--sabotage]]" >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. bin/lib/common.sh
. examples/server.sh
need node nodejs
need npm npm
need psql postgresql-client
[ "$what" = load ] || need pebble pebble
need python3 python3
need openssl openssl
need curl curl
: "${TENANTRY:=$PWD/target/debug/tenantry}"
here=$PWD/examples/engage work=$(mktemp -d)
unset TENANTRY_DATABASE_URL TENANTRY_CONFIG TENANTRY_CREDENTIALS TENANTRY_DIRECTORY TENANTRY_FORMAT
programs=()
trap 'kill "${programs[@]}" 2>/dev/null || true; [ -z "${SERVER_FOLDER:-}" ] || stop_server; rm -rf "$work"' EXIT
start_server
trap 'kill "${programs[@]}" 2>/dev/null || true; stop_server; rm -rf "$work"' EXIT

# so many free loopback ports
ports() {
  python3 -c 'import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])' "$1"
}
read -r proxy gateway plain application authority authority_hand names names_hand <<<"$(ports 8)"

# until_open PORT LOG PROCESS: a program takes connections, or its log is shown
until_open() {
  for _ in $(seq 300); do
    if (: >"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
    kill -0 "$3" 2>/dev/null || break
    sleep 0.1
  done
  echo "nothing listens on port $1:" >&2
  cat "$2" >&2
  return 1
}

echo "engage: an isolated database" >&2
createdb engage
psql -qAtX -v ON_ERROR_STOP=1 -d engage -f "$here/schema.sql" >/dev/null
psql -qAtX -v ON_ERROR_STOP=1 -d engage -f "$here/generate.sql" -c "SELECT pg_temp.demo_generate(20, 10000, 1)" >/dev/null
cp "$here/tenantry.toml" "$work/tenantry.toml"
# users make rows as long as they run: quotas count them, and hold nobody back
if [ "$what" = load ]; then sed -i '/^limit = /d' "$work/tenantry.toml"; fi
# every row of a workspace carries its mark: whoever sees one of another's has found a leak
if [ "$what" = load ]; then
  for table in segments journeys broadcasts; do
    psql -qAtX -v ON_ERROR_STOP=1 -d engage -c "UPDATE $table SET name = 'mark-' || workspace_id || ' ' || id"
  done
fi
quietly() { "$@" >"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; }; }
(
  cd "$work"
  export TENANTRY_DATABASE_URL="postgres://$PGUSER@$PGHOST:$PGPORT/engage" TENANTRY_YES=true
  quietly "$TENANTRY" plan --out isolation
  quietly "$TENANTRY" apply isolation
  quietly "$TENANTRY" complete
  quietly "$TENANTRY" tenants import
)

# an authority and its name server, which knows every name
start_authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
    -keyout "$work/authority.key" -out "$work/authority.pem" 2>/dev/null
  cat >"$work/pebble.json" <<END
{ "pebble": { "listenAddress": "127.0.0.1:$authority", "managementListenAddress": "127.0.0.1:$authority_hand",
  "certificate": "$work/authority.pem", "privateKey": "$work/authority.key", "httpPort": $plain, "tlsPort": $gateway,
  "ocspResponderURL": "", "externalAccountBindingRequired": false } }
END
  pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 "" -dns01 "127.0.0.1:$names" -http01 "" -https01 "" -tlsalpn01 "" \
    -management "127.0.0.1:$names_hand" >"$work/names.log" 2>&1 &
  programs+=($!)
  PEBBLE_VA_NOSLEEP=1 pebble -config "$work/pebble.json" -dnsserver "127.0.0.1:$names" >"$work/pebble.log" 2>&1 &
  programs+=($!)
  until_open "$authority_hand" "$work/pebble.log" $!
  acme="[gateway.acme]
directory = \"https://localhost:$authority/dir\"
ca = \"authority.pem\"
folder = \"certificates\"
key_file = \"certificates.key\"
"
}
acme=
if [ "$what" = test ]; then start_authority; fi

echo "engage: the service on plain pg, behind gateway and proxy" >&2
openssl rand -hex 16 >"$work/backend.password"
chmod 600 "$work/backend.password"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=engage.example \
  -addext "subjectAltName=DNS:*.engage.example" -keyout "$work/engage.key" -out "$work/engage.pem" 2>/dev/null
"$here/service/test.sh" gateway-issuer "$work"
# a workspace claims a domain of its own, and the name system proves it
if [ "$what" = test ]; then
  domains() { "$TENANTRY" --quiet domains "$@" workspace-3 mail.third.example --file "$work/tenants.json" --resolver "127.0.0.1:$names"; }
  value=$(domains claim | sed 's/.*"\(.*\)".*/\1/')
  if domains prove >/dev/null; then fail "a domain was given without a proof"; fi
  curl -sf -d "{\"host\": \"_tenantry-challenge.mail.third.example.\", \"value\": \"$value\"}" "http://127.0.0.1:$names_hand/set-txt"
  domains prove
fi
cat >>"$work/tenantry.toml" <<END

[proxy]
listen = ["127.0.0.1:$proxy"]

[proxy.databases.engage]
credentials = "isolation/credentials.json"
directory = "tenants.json"

[proxy.logins.backend]
password_file = "backend.password"

[gateway]
listen = ["127.0.0.1:$gateway"]
redirect = ["127.0.0.1:$plain"]
tenants = "tenants.json"
base_domains = ["engage.example"]
stamp_headers = ["X-Tenant-ID", "X-Workspace-Id"]

[gateway.tls.certificates."*.engage.example"]
certificate = "engage.pem"
key = "engage.key"

$acme
[gateway.context]
key_file = "context.key"

[gateway.pass]
credentials = "isolation/credentials.json"

[gateway.upstreams.engage]
servers = ["127.0.0.1:$application"]

[gateway.routes.all]
authentication = "optional"

[gateway.issuers.login]
issuer = "https://login.example"
audiences = ["engage"]
algorithms = ["ES256"]
jwks_file = "jwks.json"
tenant_claims = ["workspace"]
END
(cd "$work" && exec "$TENANTRY" serve --roles gateway,proxy --config tenantry.toml) >"$work/serve.log" 2>&1 &
programs+=($!)
until_open "$gateway" "$work/serve.log" $!
# without the wall: straight to the database, as a superuser whom no policy holds
door=PROXY_URL=postgres://backend:$(cat "$work/backend.password")@127.0.0.1:$proxy/engage
case " $* " in *" --sabotage "*) door="LEGACY=1 DATABASE_URL=postgres://$PGUSER@$PGHOST:$PGPORT/engage" ;; esac
env $door PORT="$application" \
  node "$here/service/dist/src/main.js" >"$work/service.log" 2>&1 &
programs+=($!)
until_open "$application" "$work/service.log" $!

export WORK=$work GATEWAY_PORT=$gateway APPLICATION_PORT=$application AUTHORITY_PORT=$authority_hand TENANTRY
if [ "$what" = load ]; then
  node "$here/service/dist/test/load.js" "$@" || { code=$?; tail -n 20 "$work"/{serve,service}.log >&2; exit "$code"; }
  exit 0
fi
"$here/service/test.sh" gateway || { tail -n 20 "$work"/{serve,service}.log >&2; exit 1; }
