// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The arena: a bridge with the origin and the viewers on one side of it, and
// three nodes behind it, each in a network namespace of its own that outlives
// its process.

const (
	nodeCount = 3
	tenure    = 3 * time.Second
	hubAddr   = "10.77.0.1"
)

// place is one node's place.
type place struct {
	t      *testing.T
	name   string
	addr   string
	dir    string
	holder *exec.Cmd // keeps the namespace
	config string    // file
	log    *os.File
	client *http.Client // dials in the namespace

	process *exec.Cmd
	exited  chan struct{}
}

func ip(t *testing.T, line string) {
	t.Helper()
	run(t, "ip "+line)
}

func run(t *testing.T, line string) {
	t.Helper()
	w := strings.Fields(line)
	if out, err := exec.Command(w[0], w[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
}

// build makes the networks.
func build(t *testing.T, origin string) []*place {
	ip(t, "link set lo up")
	ip(t, "link add hub type bridge")
	ip(t, "addr add "+hubAddr+"/24 dev hub")
	ip(t, "link set hub up")
	var all []*place
	var routes []string
	for i := range nodeCount {
		p := &place{t: t, name: fmt.Sprint("n", i+1), addr: fmt.Sprint("10.77.0.", 11+i), dir: t.TempDir()}
		routes = append(routes, p.addr+":"+routePort)
		all = append(all, p)
	}
	for i, p := range all {
		p.configure(t, origin, routes)
		var err error
		if p.log, err = os.Create(filepath.Join(p.dir, "log")); err != nil {
			t.Fatal(err)
		}
		p.holder = exec.Command("sleep", "infinity")
		p.holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		if err := p.holder.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.holder.Process.Kill(); _ = p.holder.Wait() })
		p.client = &http.Client{Transport: &http.Transport{DialContext: p.dialer(), MaxIdleConnsPerHost: 8}}
		pid := strconv.Itoa(p.holder.Process.Pid)
		ip(t, fmt.Sprintf("link add v%d type veth peer name eth0 netns %s", i, pid))
		ip(t, fmt.Sprintf("link set v%d master hub up", i))
		p.within("ip addr add " + p.addr + "/24 dev eth0")
		p.within("ip link set eth0 up")
		p.within("ip link set lo up")
	}
	return all
}

// within runs a command in the node's namespace.
func (p *place) within(line string) {
	p.t.Helper()
	run(p.t, "nsenter -t "+strconv.Itoa(p.holder.Process.Pid)+" -n "+line)
}

// start starts the node's process.
func (p *place) start() {
	p.process = p.command(context.Background(), "serve", "--config", p.config)
	p.process.Stdout, p.process.Stderr = p.log, p.log
	if err := p.process.Start(); err != nil {
		p.t.Fatal(err)
	}
	exited, process := make(chan struct{}), p.process
	p.exited = exited
	go func() {
		_ = process.Wait()
		close(exited)
	}()
}

// kill ends the process as a power cut would.
func (p *place) kill() {
	_ = p.process.Process.Kill()
	<-p.exited
}

func (p *place) signal(s syscall.Signal) {
	if err := p.process.Process.Signal(s); err != nil {
		p.t.Fatal(p.name, err)
	}
}

// deaf lets nothing of p reach q.
func (p *place) deaf(q *place)  { p.within("ip route add blackhole " + q.addr + "/32") }
func (p *place) hears(q *place) { p.within("ip route del blackhole " + q.addr + "/32") }

func (p *place) url(port, path string) string { return "http://" + p.addr + ":" + port + path }
