# tenantry's proxy in front of an isolated database, for the drivers' and the SDKs' tests. Sourced after server.sh, never run.

# The verifier PostgreSQL would keep of a password.
scram_verifier() {
  python3 - "$1" <<'END'
import base64, hashlib, hmac, os, sys
salt, rounds = os.urandom(16), 4096
salted = hashlib.pbkdf2_hmac("sha256", sys.argv[1].encode(), salt, rounds)
stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
server = hmac.digest(salted, b"Server Key", "sha256")
b64 = lambda data: base64.b64encode(data).decode()
print(f"SCRAM-SHA-256${rounds}:{b64(salt)}${b64(stored)}:{b64(server)}")
END
}

# isolated NAME FOLDER: a database with schema.sql, isolated with tenantry.toml; FOLDER gets credentials.json.
isolated() {
  local name=$1 folder=$2
  createdb --template=template0 --encoding=UTF8 "$name"
  psql -qX -v ON_ERROR_STOP=1 -d "$name" -f examples/drivers/schema.sql
  (
    export TENANTRY_DATABASE_URL="postgres://$PGUSER@$PGHOST:$PGPORT/$name" TENANTRY_CONFIG=examples/drivers/tenantry.toml TENANTRY_YES=true
    "$TENANTRY" --quiet plan --out "$folder/isolation" >"$folder/plan.log" || { cat "$folder/plan.log" >&2; exit 1; }
    "$TENANTRY" --quiet apply "$folder/isolation" --credentials "$folder/credentials.json" >/dev/null
    "$TENANTRY" --quiet complete >/dev/null
  )
}

# start_proxy NAME FOLDER: the proxy in front of that database, with the logins app.acme, app.globex and the backend app.
# Sets PROXY_PORT and PROXY_PID; stop_proxy ends it.
start_proxy() {
  local name=$1 folder=$2 listening=""
  PROXY_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  echo "the backend" >"$folder/app.password"
  cat >"$folder/tenants.json" <<END
{ "format": 1, "keyKind": "uuid", "tenants": [
  { "key": "a0000000-0000-4000-8000-00000000000a", "slug": "acme",
    "credentials": [{ "id": "test", "verifier": "$(scram_verifier "acme's own password")" }] },
  { "key": "b0000000-0000-4000-8000-00000000000b", "slug": "globex",
    "credentials": [{ "id": "test", "verifier": "$(scram_verifier "globex has another")" }] } ] }
END
  cat examples/drivers/tenantry.toml - >"$folder/tenantry.toml" <<END

[proxy]
listen = ["127.0.0.1:$PROXY_PORT"]

[proxy.databases.$name]
credentials = "credentials.json"
directory = "tenants.json"

[proxy.logins.app]
password_file = "app.password"
END
  "$TENANTRY" --config "$folder/tenantry.toml" serve --roles proxy >"$folder/proxy.log" 2>&1 &
  PROXY_PID=$!
  for _ in $(seq 300); do
    if (: >"/dev/tcp/127.0.0.1/$PROXY_PORT") 2>/dev/null; then listening=yes; break; fi
    kill -0 "$PROXY_PID" 2>/dev/null || break
    sleep 0.1
  done
  [ -n "$listening" ] || { cat "$folder/proxy.log" >&2; return 1; }
}

stop_proxy() {
  [ -n "${PROXY_PID:-}" ] || return 0
  kill "$PROXY_PID" 2>/dev/null || true
  wait "$PROXY_PID" 2>/dev/null || true
}
