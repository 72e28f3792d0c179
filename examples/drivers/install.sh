#!/usr/bin/env bash
# install.sh TOOLKIT: what the programs of one language need, from the package registries, into target/drivers (Node's into
# node/node_modules, where Node looks for it). Does nothing where it was done before. Its last line of output says what is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
. bin/lib/common.sh
place=$PWD/target/drivers
mkdir -p "$place"

# Debian packages that are missing; one installation at a time, for several toolkits are installed at once.
debian() {
  local package missing=()
  for package in "$@"; do [ -n "$(installed "$package")" ] || missing+=("$package"); done
  [ "${#missing[@]}" = 0 ] || (flock 9; apt_install "${missing[@]}") 9>"$place/apt.lock"
}

# done_before STAMP FILE…: the files are as they were when it was last installed.
done_before() {
  local stamp=$1
  shift
  wanted=$(cat "$@" | sha256sum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]
}

install_psql() {
  have psql || debian postgresql-client
  have python3 || debian python3
}

install_c() {
  have gcc || debian gcc libc6-dev
  [ -f /usr/include/postgresql/libpq-fe.h ] || have pg_config || debian libpq-dev
  local include=/usr/include/postgresql
  [ -d "$include" ] || include=$(pg_config --includedir)
  gcc -std=c11 -Wall -Wextra -Werror -O1 -I"$include" -o "$place/libpq" "$here/c/libpq.c" -lpq
}

install_python() {
  local venv=$place/venv
  done_before "$venv/stamp" "$here/python/requirements.txt" && return
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/python/requirements.txt"
  echo "$wanted" >"$venv/stamp"
}

# Node's programs without Prisma, which wants a newer Node; both toolkits install the packages, one after the other.
install_node() {
  have node || debian nodejs npm
  cd "$here/node"
  (
    flock 9
    if ! done_before node_modules/stamp package-lock.json; then
      npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
      echo "$wanted" >node_modules/stamp
    fi
    done_before dist/stamp package-lock.json tsconfig.json src/*.ts && exit
    npm run --silent build
    echo "$wanted" >dist/stamp
  ) 9>"$place/node.lock"
}

install_prisma() {
  install_node
  done_before generated/stamp package-lock.json schema.prisma tsconfig*.json src/*.ts && return
  # Prisma would fetch a program that only migrations need: any path makes it believe that it is there
  CHECKPOINT_DISABLE=1 PRISMA_SCHEMA_ENGINE_BINARY=$(type -P true) npm run --silent build:prisma
  echo "$wanted" >generated/stamp
}

install_java() {
  have javac || debian default-jdk-headless
  [ -n "${JDBC_JAR:-}" ] || debian libpostgresql-jdbc-java
  test -f "${JDBC_JAR:-/usr/share/java/postgresql.jar}"
}

install_ruby() {
  ruby -e 'require "pg"' 2>/dev/null || debian ruby ruby-pg
  ruby -e 'require "pg"'
}

install_rust() {
  need_rust
  CARGO_TARGET_DIR=$place/rust cargo build --quiet --locked --manifest-path "$here/rust/Cargo.toml"
}

"install_$1"
