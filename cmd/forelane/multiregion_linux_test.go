// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"strconv"
	"testing"
)

// regions of examples/multi-region, in the order of its addresses.
var regionNames = []string{"eu-west-1", "us-east-1", "ap-northeast-1"}

// sharedPort is a port that is free on all addresses.
func sharedPort(t *testing.T, addrs ...string) string {
	t.Helper()
	for range 50 {
		port := "0"
		var open []net.Listener
		for _, a := range addrs {
			ln, err := net.Listen("tcp", net.JoinHostPort(a, port))
			if err != nil {
				break
			}
			open = append(open, ln)
			port = strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
		}
		for _, ln := range open {
			_ = ln.Close()
		}
		if len(open) == len(addrs) {
			return port
		}
	}
	t.Fatal("no port is free on all addresses")
	return ""
}

// TestMultiRegionReadme runs the three nodes of examples/multi-region and the
// commands of its README.
func TestMultiRegionReadme(t *testing.T) {
	const dir = "../../examples/multi-region"
	port := sharedPort(t, "127.0.0.1", "127.0.0.2", "127.0.0.3")
	var first *proc
	for _, i := range []int{1, 2, 0} { // the one that is asked comes last: its first checks find the others there
		region := regionNames[i]
		addr := fmt.Sprintf("127.0.0.%d", i+1)
		args := []string{
			"up", dir, "--strict", "--data", t.TempDir(), "--region", region, "--http", addr + ":" + port, "--param", "Port=" + port,
			"--health-interval", "1s",
		}
		if i == 0 {
			args = append(args, "--dns", addr+":0", "--latency", dir+"/latency.txt")
		}
		if p := start(t, args...); i == 0 {
			first = p
		}
	}
	execute(t, first, dir+"/README.md")
}
