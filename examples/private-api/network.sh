#!/bin/sh
# Two network namespaces, forelane-edge and forelane-api, and a cable between
# them that carries one thing: what forelane-api hears from port 7000 of the
# edge, where its agent has dialled. Nothing else that arrives there is looked
# at, so nothing of it is answered.
#
#   network.sh up      makes them (root, Linux)
#   network.sh down    ends what runs in them, and removes them
set -eu
edge=${PREFIX:-forelane}-edge api=${PREFIX:-forelane}-api

down() {
	for ns in $edge $api; do
		pids=$(ip netns pids $ns 2>/dev/null) || continue
		[ -z "$pids" ] || kill $pids 2>/dev/null || true
		ip netns delete $ns
	done
}

up() {
	ip netns add $edge
	ip netns add $api
	for ns in $edge $api; do
		ip netns exec $ns sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' || true
		ip -n $ns link set lo up
	done
	ip -n $edge link add cable address 02:00:00:00:00:01 type veth peer name cable address 02:00:00:00:00:02 netns $api
	ip -n $edge address add 192.0.2.1/30 dev cable
	ip -n $api address add 192.0.2.2/30 dev cable
	ip -n $edge link set cable up
	ip -n $api link set cable up
	# Nobody answers ARP on the private side.
	ip -n $edge neighbour replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev cable nud permanent
	ip -n $api neighbour replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev cable nud permanent
	ip -n $api rule add pref 10 iif cable from 192.0.2.1 ipproto udp sport 7000 lookup local
	ip -n $api rule add pref 11 iif cable from 192.0.2.1 ipproto tcp sport 7000 lookup local
	ip -n $api rule add pref 12 iif cable blackhole
	ip -n $api rule add pref 20 lookup local
	ip -n $api rule delete pref 0
}

case "${1:-}" in
up) up ;;
down) down ;;
*) echo "network.sh up | down" >&2; exit 2 ;;
esac
