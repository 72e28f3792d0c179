# nginx and wrk, which the gateway is compared with and loaded by. Sourced after common.sh, never run.

# need_nginx: both programs are there. The benchmark runs nginx of its own, on ports and with files of its own; a
# service that the package brings is left alone.
need_nginx() {
  # where Debian puts it, and an ordinary user does not look
  PATH="$PATH:/usr/sbin"
  need nginx nginx-light
  need wrk wrk
}
