# Redis, which tests and benchmarks of the cache run. Sourced after common.sh, never run.

# need_redis: the program is there. They run servers of their own, on the loopback, each on a port and with files of its
# own; a service that the package brings is stopped where it was not there before.
need_redis() {
  have redis-server && return 0
  need redis-server redis-server
  if have systemctl; then as_root systemctl disable --quiet --now redis-server 2>/dev/null || true; fi
}
