# PgBouncer, which tests and benchmarks compare with. Sourced after common.sh, never run.

# need_pgbouncer: the program is there. They run one of their own, on a port and with files of its own; a service that
# the package brings is left alone.
need_pgbouncer() {
  # where Debian puts it, and an ordinary user does not look
  PATH="$PATH:/usr/sbin"
  need pgbouncer pgbouncer
}
