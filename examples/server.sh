# A throw-away PostgreSQL for the examples' tests and for following the guide. Sourced, never run.
# start_server sets PGHOST, PGPORT and PGUSER; the server and its data go when the shell that called it ends.

# The folder of PostgreSQL's server programs: TENANTRY_PG_BIN, the search path, or where Debian puts them.
server_programs() {
  local place
  for place in "${TENANTRY_PG_BIN:-}" "$(dirname "$(command -v postgres || echo /nowhere/x)")" /usr/lib/postgresql/*/bin; do
    if [ -x "$place/initdb" ]; then echo "$place"; return 0; fi
  done
  echo "PostgreSQL's server programs are missing: install PostgreSQL 15 or later, or name their folder in TENANTRY_PG_BIN" >&2
  return 2
}

# PostgreSQL refuses to run as root: then it runs as postgres.
as_server() { if [ "$(id -u)" = 0 ]; then (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@"); else "$@"; fi; }

start_server() {
  local programs
  programs=$(server_programs)
  SERVER_FOLDER=$(mktemp -d)
  if [ "$(id -u)" = 0 ]; then chown postgres "$SERVER_FOLDER"; fi
  chmod 711 "$SERVER_FOLDER"
  SERVER_PROGRAMS=$programs
  trap stop_server EXIT
  as_server "$programs/initdb" -D "$SERVER_FOLDER/data" -U postgres -A trust --no-sync >/dev/null
  # a free port: the kernel's choice, given back a moment before
  PGPORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  as_server "$programs/pg_ctl" -D "$SERVER_FOLDER/data" -l "$SERVER_FOLDER/log" -w \
    -o "-p $PGPORT -k $SERVER_FOLDER -c listen_addresses=127.0.0.1 -c fsync=off" start >/dev/null
  export PGHOST=127.0.0.1 PGPORT PGUSER=postgres
}

stop_server() {
  as_server "$SERVER_PROGRAMS/pg_ctl" -D "$SERVER_FOLDER/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "${SERVER_FOLDER:?}"
}
