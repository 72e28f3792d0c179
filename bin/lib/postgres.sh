# PostgreSQL for bin/up and bin/test. Sourced after common.sh, never run.

# need_postgres: programs of a PostgreSQL without known holes in row-level security are on this machine.
# A server that runs here already, and its data, stay as they are.
need_postgres() {
  [ -n "${TENANTRY_PG_BIN:-}" ] && return 0
  if is_debian; then
    local version
    version=$(installed postgresql-15)
    if [ -z "$version" ] || dpkg --compare-versions "$version" lt 15.20; then
      say "installing postgresql-15 (15.20 or later)"
      apt_install postgresql-15 postgresql-contrib || fail "PostgreSQL 15.20 or later is missing: install the packages postgresql-15 and postgresql-contrib"
    fi
  elif ! have initdb; then
    fail "PostgreSQL is missing: install it (Fedora: dnf install postgresql-server, macOS: brew install postgresql@18) and try again"
  fi
}

# need_postgres_versions: the other major versions the tests use.
need_postgres_versions() { :; }
