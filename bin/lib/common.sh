# What bin/up and bin/test share. Sourced, never run.
# Works as root and as an ordinary user: whatever needs root goes through sudo, or says what to install.

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 2; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root; fails if there is no way to.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo && sudo -n true 2>/dev/null; then sudo -n -- "$@"
  elif have sudo && [ -t 0 ]; then sudo -- "$@"
  else return 1
  fi
}

is_debian() { have apt-get && have dpkg-query; }

# The installed version of a Debian package; nothing if it is not installed.
installed() { dpkg-query -W -f '${Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^install ok installed //p'; }

apt_updated=
# Installs Debian packages by name, newer versions of installed ones included.
apt_install() {
  is_debian || return 1
  if [ -z "$apt_updated" ]; then
    # an old index may name files that are gone; one that cannot be renewed may still do
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 || say "the package index could not be renewed; going on with the one at hand"
    apt_updated=yes
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# need PROGRAM PACKAGE: makes sure a program is there.
need() {
  have "$1" && return 0
  say "installing $2 (for $1)"
  apt_install "$2" || fail "\`$1\` is missing: install the package $2 and try again"
  have "$1" || fail "\`$1\` is missing although $2 is installed"
}

# A C compiler for the few crates with C in them, and Rust itself.
need_rust() {
  if ! have cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then PATH="$HOME/.cargo/bin:$PATH"; fi
  if ! have cargo; then
    fail "Rust is missing: install Rust 1.95 or later with rustup, or your system's packages rustc and cargo if they are new enough"
  fi
  local version wanted
  version=$(rustc --version | sed 's/^rustc \([0-9]*\.[0-9]*\).*/\1/')
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  [ "$(printf '%s\n%s\n' "$wanted" "$version" | sort -V | head -n 1)" = "$wanted" ] \
    || fail "Rust $version is too old: $wanted or later is needed (rustup update stable)"
  need cc gcc
}
