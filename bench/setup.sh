#!/bin/sh
# Installs what the benchmark runs beside Forelane: four servers and two load
# generators. Does nothing where all is there. The packages' services are not
# started: the benchmark starts its own with its own configuration.
set -eu

PATH="$PATH:/usr/sbin:/usr/local/sbin"
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need nginx nginx
need haproxy haproxy
need varnishd varnish
need traffic_server trafficserver
need wrk wrk
need h2load nghttp2-client
need taskset util-linux
[ -n "$missing" ] || exit 0

echo "missing:$missing"
if ! command -v apt-get >/dev/null 2>&1; then
  echo "install them with this system's package manager, then run make bench again" >&2
  exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
  sudo=sudo
fi
# RUNLEVEL=1 keeps invoke-rc.d from starting what is installed.
install() { $sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends $missing; }
install >/dev/null 2>&1 || {
  $sudo apt-get update
  install
}
