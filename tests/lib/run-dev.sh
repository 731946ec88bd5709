#!/bin/bash
# ./dev run: starts the turnoutd of build/ on localhost, for development. Everything it keeps is in var/:
# dev.conf (written anew each time), a certificate, a secret and the database. Arguments go to turnoutd.
set -eu
cd "$(dirname "$(readlink -f "$0")")/../.."
build=${TURNOUT_BUILD:-build}
var=${TURNOUT_VAR:-$PWD/var}

# True when the port is in use by a listener or a UDP socket, whatever the address.
taken() {
    awk -v port="$(printf ':%04X' "$1")" '
        FNR > 1 && index($2, port) == length($2) - 4 && ($4 == "0A" || FILENAME ~ /udp/) { found = 1 }
        END { exit !found }' /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null
}

# The first free port from $1 on; the usual one unless something else runs there.
port_from() {
    local port=$1
    while taken "$port"; do port=$((port + 1)); done
    echo "$port"
}

umask 077
mkdir -p "$var"
[ -s "$var/secret" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$var/secret"
[ -s "$var/cert.pem" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1 \
    -keyout "$var/key.pem" -out "$var/cert.pem" 2>/dev/null

turn=$(port_from 3478) turns=$(port_from 5349)
http=$(port_from 8080) https=$(port_from 8443) stats=$(port_from 9478)

cat >"$var/dev.conf" <<END
# Written by ./dev run. Not an example for a real server: anybody on this machine can make a token, and
# the relay reaches private and loopback addresses, because the peers of a test call are there.
[server]
realm = localhost
user = $(id -un)
state-dir = $var
control-socket = $var/control.sock
[listen]
udp = 127.0.0.1:$turn
tcp = 127.0.0.1:$turn
tls = 127.0.0.1:$turns
dtls = 127.0.0.1:$turns
[tls]
certificate = $var/cert.pem
private-key = $var/key.pem
[relay]
address = 127.0.0.1
allow-peer = 127.0.0.0/8
allow-peer = 10.0.0.0/8
allow-peer = 172.16.0.0/12
allow-peer = 192.168.0.0/16
[auth]
secret = $(cat "$var/secret")
development = yes
[http]
listen = 127.0.0.1:$http
tls-listen = 127.0.0.1:$https
web-root = $PWD/web
[stats]
listen = 127.0.0.1:$stats
[database]
path = $var/turnout.db
END

"$build/turnoutd" --config "$var/dev.conf" --check "$@"
echo "turnout: open http://localhost:$http/ in two tabs and join the same room"
echo "turnout: statistics at http://localhost:$stats/stats, TURN at 127.0.0.1:$turn; Ctrl-C ends it"
exec "$build/turnoutd" --config "$var/dev.conf" "$@"
