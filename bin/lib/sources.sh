# The sources of PostgreSQL, from the distribution's source package. Sourced after common.sh, never run.

# postgresql_source: prints the folder of the sources; fetches and unpacks them once.
postgresql_source() {
  if [ -n "${PG_SOURCE:-}" ]; then echo "$PG_SOURCE"; return 0; fi
  local place=$PWD/target/postgresql-source found
  found=$(find "$place" -maxdepth 2 -type d -name 'postgresql-15*' -exec test -d '{}/src/test/regress' ';' -print -quit 2>/dev/null || true)
  if [ -z "$found" ]; then
    is_debian || fail "PostgreSQL's sources are needed: unpack them and name their folder in PG_SOURCE"
    fetch_source postgresql-15 "$place" >&2 || fail "the source package postgresql-15 could not be fetched: unpack PostgreSQL's sources and name their folder in PG_SOURCE"
    found=$(find "$place" -maxdepth 2 -type d -name 'postgresql-15*' -print -quit)
  fi
  # the server's account reads the tests' data
  chmod -R go+rX "$place"
  echo "$found"
}

# fetch_source PACKAGE FOLDER: the newest version of a source package that can be had, without changing what this
# machine's package manager knows.
fetch_source() {
  local package=$1 place=$2 lists version options
  rm -rf "${place:?}"
  mkdir -p "$place/parts" "$place/lists/partial"
  for lists in /etc/apt/sources.list.d/*.sources; do
    [ -e "$lists" ] && sed 's/^Types: deb$/Types: deb-src/' "$lists" >"$place/parts/$(basename "$lists")"
  done
  if [ -s /etc/apt/sources.list ]; then sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$place/parts/main.list"; fi
  options=(-qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$place/parts" -o "Dir::State::Lists=$place/lists" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update || say "the index of sources could not be renewed whole; going on with what came"
  for version in $(apt-cache "${options[@]}" showsrc "$package" | sed -n 's/^Version: //p' | sort -rVu); do
    if (cd "$place" && apt-get "${options[@]}" source --download-only "$package=$version"); then
      tar -C "$place" -xf "$place"/*.orig.tar.*
      return 0
    fi
  done
  return 1
}
