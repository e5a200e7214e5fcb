#!/bin/sh
# Installs what tests and examples need beyond Go, git and make: node and
# python3 for functions, curl, dig and ip for the READMEs' commands, awscli for what
# AWS's command asks of the admin side, a C compiler for the race detector, GoAccess
# and Prometheus, which must be able to read what a node writes, an S3 server
# (VersityGW, built by Go) and a DynamoDB server (Dynalite, by npm, all its parts at
# the versions of dynalite/package-lock.json), both in the user's cache folder. Does
# nothing where all is there.
set -eu

versitygw=v1.8.0 # the test looks for this version: cmd/forelane/s3_test.go
tools="${XDG_CACHE_HOME:-$HOME/.cache}/forelane-tools/versitygw-$versitygw"
if ! command -v versitygw >/dev/null 2>&1 && ! [ -x "$tools/versitygw" ]; then
  echo "building versitygw $versitygw into $tools"
  GOBIN="$tools" GOFLAGS=-trimpath CGO_ENABLED=0 go install "github.com/versity/versitygw/cmd/versitygw@$versitygw"
fi

dynalite=4.0.0 # cmd/forelane/service_test.go looks for this version
here="$(cd "$(dirname "$0")" && pwd)"
install_dynalite() {
  to="${XDG_CACHE_HOME:-$HOME/.cache}/forelane-tools/dynalite-$dynalite"
  [ ! -d "$to/node_modules/dynalite" ] || return 0
  echo "installing dynalite $dynalite into $to"
  rm -rf "$to.new"
  mkdir -p "$to.new"
  cp "$here/dynalite/package.json" "$here/dynalite/package-lock.json" "$to.new"
  (cd "$to.new" && npm ci --ignore-scripts --no-audit --no-fund >/dev/null)
  rm -rf "$to"
  mv "$to.new" "$to"
}

missing=""
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
command -v python3 >/dev/null 2>&1 || missing="$missing python3"
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v aws >/dev/null 2>&1 || missing="$missing awscli"
command -v dig >/dev/null 2>&1 || missing="$missing bind9-dnsutils"
command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
command -v gcc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v goaccess >/dev/null 2>&1 || missing="$missing goaccess"
command -v prometheus >/dev/null 2>&1 || missing="$missing prometheus"
if [ -z "$missing" ]; then
  install_dynalite
  exit 0
fi

echo "missing:$missing"
if ! command -v apt-get >/dev/null 2>&1; then
  echo "install them with this system's package manager, then run make again" >&2
  exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
  sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
$sudo apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || {
  $sudo apt-get update
  $sudo apt-get install -y --no-install-recommends $missing
}
# Debian starts Prometheus when it installs it; tests start their own.
case "$missing" in *prometheus*)
  if command -v systemctl >/dev/null 2>&1; then
    $sudo systemctl disable --now prometheus >/dev/null 2>&1 || true
  fi ;;
esac
install_dynalite
