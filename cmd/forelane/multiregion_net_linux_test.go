// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/forelane/forelane/internal/tunlink"
)

// healthEvery is the interval of health checks in this test.
const healthEvery = 2 * time.Second

// soon is how long anything may take here at the most: the machine may be busy.
const soon = 60 * time.Second

// TestMultiRegionNetwork runs examples/multi-region in network namespaces: the
// nearest region answers, one that is cut off is left without losing a request
// that may be repeated, and is gone back to.
func TestMultiRegionNetwork(t *testing.T) {
	w, err := newWorld(t)
	if err != nil {
		if os.Getenv(loopbackEnv) == "" && tunlink.Again(t) {
			return
		}
		t.Logf("NO NETWORK NAMESPACES HERE (%v): the regions run on loopback addresses, where nothing is far and nothing is measured", err)
		w = newLoopback(t)
	}
	w.boot()
	v := &tourists{t: t, w: w}
	defer v.close()
	v.landNearest()
	v.loseAPI()
	v.loseEdge()
	t.Log("\n" + v.table.String())
}

// boot starts three APIs and three edges of the same template.
func (w *world) boot() {
	const dir = "../../examples/multi-region"
	args := func(i int, addr string, more ...string) []string {
		out := []string{"up", dir, "--strict", "--quiet", "--region", regionNames[i], "--http", addr + ":" + w.port, "--https", "", "--admin", addr + ":" + w.admin, "--param", "Port=" + w.port}
		for j, short := range []string{"Eu", "Us", "Ap"} {
			out = append(out, "--param", short+"Api="+w.api[j], "--param", short+"Edge="+w.edge[j])
		}
		return append(out, more...)
	}
	for i := range regionNames {
		w.start("api", i, args(i, w.api[i], "--health-interval", "1m", "--data", tempDir(w, "api", i))...)
	}
	for i := range regionNames {
		more := []string{"--dns", w.edge[i] + ":0", "--health-interval", healthEvery.String(), "--data", tempDir(w, "edge", i)}
		if w.far {
			more[1] = w.dns[i]
			for j := range regionNames {
				if j != i {
					more = append(more, "--latency", "http://"+w.edge[j]+":"+w.admin+"/v1/latency")
				}
			}
		}
		w.start("edge", i, args(i, w.edge[i], append(more, w.extra...)...)...)
	}
}

func tempDir(w *world, kind string, i int) string { return w.temp + fmt.Sprintf("/%s%d", kind, i) }

// tourists are the viewers of the three regions.
type tourists struct {
	t     *testing.T
	w     *world
	mu    sync.Mutex
	http  map[string]*http.Client // by viewer and edge
	table strings.Builder
}

// client is a viewer's connection to an edge.
func (v *tourists) client(viewer int, edge string) *http.Client {
	v.mu.Lock()
	defer v.mu.Unlock()
	key := fmt.Sprint(viewer, edge)
	if v.http == nil {
		v.http = map[string]*http.Client{}
	}
	if v.http[key] == nil {
		v.http[key] = &http.Client{Transport: &http.Transport{
			MaxIdleConnsPerHost: 16,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				return v.w.dial(viewer, "tcp", edge+":"+v.w.port, 2*time.Second)
			},
		}}
	}
	return v.http[key]
}

func (v *tourists) close() {
	for _, c := range v.http {
		c.CloseIdleConnections()
	}
}

// where asks an edge for /where and gives the region that answered.
func (v *tourists) where(ctx context.Context, viewer int, edge string) (string, error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop.test/where", nil)
	if err != nil {
		return "", err
	}
	rs, err := v.client(viewer, edge).Do(rq)
	if err != nil {
		return "", err
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err == nil && rs.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", rs.StatusCode)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(b), `{"region":"`), `"}`), err
}

// ask asks a name server for an address.
func (v *tourists) ask(viewer int, server, name string) (string, error) {
	c, err := v.w.dial(viewer, "udp", server, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	m := new(dns.Msg)
	m.SetQuestion(name+".", dns.TypeA)
	if s := v.w.subnet[viewer]; s != "" {
		p := netip.MustParsePrefix(s)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice()})
	}
	_ = c.SetDeadline(time.Now().Add(500 * time.Millisecond))
	co := &dns.Conn{Conn: c}
	if err := co.WriteMsg(m); err != nil {
		return "", err
	}
	r, err := co.ReadMsg()
	if err != nil {
		return "", err
	}
	for _, rr := range r.Answer {
		if a, ok := rr.(*dns.A); ok {
			return a.A.String(), nil
		}
	}
	return "", errors.New("no address")
}

// resolve asks the name servers one after the other, the viewer's own first.
func (v *tourists) resolve(viewer int, name string) (string, error) {
	var errs []error
	for i := range v.w.dns {
		got, err := v.ask(viewer, v.w.dns[(viewer+i)%len(v.w.dns)], name)
		if err == nil {
			return got, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// until waits for something to be so, and tells how long it took.
func (v *tourists) until(what string, f func() error) time.Duration {
	v.t.Helper()
	begin := time.Now()
	for {
		err := f()
		if err == nil {
			return time.Since(begin)
		}
		if time.Since(begin) > soon {
			v.t.Fatalf("%s: still not after %v: %v", what, soon, err)
		}
		pause := make(chan struct{})
		time.AfterFunc(20*time.Millisecond, func() { close(pause) })
		<-pause
	}
}

func want(got, want string, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("it is %s, not %s", got, want)
	}
	return err
}

// landNearest: name servers send each viewer to its edge, by what edges have
// measured of it, and each edge asks its API.
func (v *tourists) landNearest() {
	for i := range regionNames { // each edge meets each viewer
		for _, edge := range v.w.edge {
			v.until("the first request", func() error {
				_, err := v.where(v.t.Context(), i, edge)
				return err
			})
		}
	}
	fmt.Fprintf(&v.table, "| viewer | nearest edge | answers of its region | median | others' edges |\n|---|---|---|---|---|\n")
	for i, region := range regionNames {
		for _, server := range v.w.dns {
			v.until("viewer "+region+" is sent to its edge", func() error {
				got, err := v.ask(i, server, "shop.test")
				return want(got, v.w.edge[i], err)
			})
		}
		own, times := 0, []time.Duration{}
		for range 60 {
			begin := time.Now()
			got, err := v.where(v.t.Context(), i, v.w.edge[i])
			if err != nil {
				v.t.Errorf("%s: %v", region, err)
			}
			times = append(times, time.Since(begin))
			if got == region {
				own++
			}
		}
		if v.w.far && own < 50 {
			v.t.Errorf("viewer %s: %d of 60 answers are of its region", region, own)
		}
		fmt.Fprintf(&v.table, "| %s | %s | %d of 60 | %v |", region, v.w.edge[i], own, median(times))
		for j := range regionNames {
			if j != i {
				fmt.Fprintf(&v.table, " %s %v", regionNames[j], v.roundTrip(i, v.w.edge[j]))
			}
		}
		v.table.WriteString(" |\n")
	}
}

// roundTrip is the median time of a request over a kept connection.
func (v *tourists) roundTrip(viewer int, edge string) time.Duration {
	var times []time.Duration
	for range 5 {
		begin := time.Now()
		if _, err := v.where(v.t.Context(), viewer, edge); err != nil {
			v.t.Error(err)
		}
		times = append(times, time.Since(begin))
	}
	return median(times)
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2].Round(100 * time.Microsecond)
}

// loseAPI cuts the API of the first region off while its edge goes on: no
// request is lost.
func (v *tourists) loseAPI() {
	type one struct {
		at, took time.Duration
		region   string
	}
	var mu sync.Mutex
	var all []one
	begin := time.Now()
	ctx, stop := context.WithCancel(v.t.Context())
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				at := time.Now()
				got, err := v.where(v.t.Context(), 0, v.w.edge[0])
				if err != nil {
					v.t.Errorf("a request was lost %v after the beginning: %v", time.Since(begin), err)
				}
				mu.Lock()
				all = append(all, one{at.Sub(begin), time.Since(at), got})
				mu.Unlock()
			}
		})
	}
	answers := func(most int, since time.Duration, region string, own bool) error {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		for _, o := range all {
			if o.at > since && (o.region == region) == own {
				n++
			}
		}
		if n < most {
			return fmt.Errorf("%d answers", n)
		}
		return nil
	}
	v.until("the load", func() error { return answers(20, 0, "", false) })
	v.w.cut("api", 0, true)
	cut := time.Since(begin)
	left := v.until("another region answers", func() error {
		return answers(4, cut+10*time.Millisecond, regionNames[0], false)
	})
	byName := v.until("the name servers leave it", func() error {
		got, err := v.ask(0, v.w.dns[0], "api.shop.test")
		if err == nil && got == v.w.api[0] {
			err = errors.New("still there")
		}
		return err
	})
	if v.w.far && left > healthEvery+2*time.Second { // two seconds for a machine that is busy
		v.t.Errorf("the region was left after %v", left)
	}
	v.w.cut("api", 0, false)
	healed := time.Since(begin)
	back := v.until("the region is back", func() error {
		if !v.w.far { // all are as near: any answer will do once names lead there
			got, err := v.ask(0, v.w.dns[0], "api.shop.test")
			return want(got, v.w.api[0], err)
		}
		return answers(20, healed, regionNames[0], true)
	})
	stop()
	load.Wait()
	var longest time.Duration
	for _, o := range all {
		longest = max(longest, o.took)
	}
	fmt.Fprintf(&v.table, "\n| the API of %s is cut off (health checks every %v) | |\n|---|---|\n", regionNames[0], healthEvery)
	fmt.Fprintf(&v.table, "| requests, lost | %d, 0 |\n| others answer after | %v |\n| names lead elsewhere after | %v |\n| longest request | %v |\n| it answers again after | %v |\n",
		len(all), left.Round(10*time.Millisecond), (left + byName).Round(10*time.Millisecond), longest.Round(10*time.Millisecond), back.Round(10*time.Millisecond))
}

// loseEdge cuts an edge off: its viewer, which asks again, is sent to another.
func (v *tourists) loseEdge() {
	v.w.cut("edge", 0, true)
	v.client(0, v.w.edge[0]).CloseIdleConnections()
	reach := func() (string, error) {
		edge, err := v.resolve(0, "shop.test")
		if err != nil {
			return "", err
		}
		ctx, cancel := context.WithTimeout(v.t.Context(), time.Second)
		defer cancel()
		_, err = v.where(ctx, 0, edge)
		return edge, err
	}
	var to string
	left := v.until("the viewer is elsewhere", func() (err error) {
		if to, err = reach(); err == nil && to == v.w.edge[0] {
			err = errors.New("it is still sent there")
		}
		return err
	})
	if v.w.far && to != v.w.edge[1] {
		v.t.Errorf("the viewer of %s is sent to %s, not to the second nearest", regionNames[0], to)
	}
	v.w.cut("edge", 0, false)
	back := v.until("the viewer is back", func() error {
		got, err := reach()
		return want(got, v.w.edge[0], err)
	})
	fmt.Fprintf(&v.table, "\n| the edge of %s is cut off | |\n|---|---|\n| its viewer reaches %s after | %v |\n| and its own again after | %v |\n",
		regionNames[0], to, left.Round(10*time.Millisecond), back.Round(10*time.Millisecond))
}
