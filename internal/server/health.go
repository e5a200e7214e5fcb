// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/function"
)

// life is where a node is between its start and its end.
type life struct {
	began    time.Time
	serving  atomic.Bool  // Start was called
	lost     atomic.Int32 // listeners that ended by themselves
	prepared atomic.Bool  // Prepare has ended, well or not
	draining atomic.Bool  // Close was called, or another process has taken over
	applied  atomic.Int64 // revisions
	latest   atomic.Int64 // when the last one was applied, Unix milliseconds
}

// Health is whether a node should get requests, and why not.
type Health struct {
	Ready  bool          `json:"ready"`
	Checks []HealthCheck `json:"checks"`
}

// HealthCheck is one of the reasons.
type HealthCheck struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Health tells whether the node is ready: it serves on its listeners, has a
// revision, has prepared the functions of its first one, and is not about to
// end. A function that is broken does not make the node unready, for everything
// else works; it is named.
func (s *Server) Health() Health {
	h := Health{Ready: true}
	add := func(name string, ok bool, detail string) {
		h.Checks = append(h.Checks, HealthCheck{name, ok, detail})
		h.Ready = h.Ready && ok
	}
	add("listeners", s.life.serving.Load() && s.life.lost.Load() == 0, s.listening())
	n := s.life.applied.Load()
	add("revision", n > 0, fmt.Sprintf("%d applied", n))
	add("functions", s.life.prepared.Load(), s.preparing())
	switch {
	case s.succeeded.Load():
		add("staying", false, "another process has taken over")
	case s.life.draining.Load():
		add("staying", false, "the node is stopping")
	default:
		add("staying", true, "")
	}
	return h
}

// listening names the addresses.
func (s *Server) listening() string {
	if !s.life.serving.Load() {
		return "not serving yet"
	}
	var all []string
	for _, kind := range []string{"http", "https", "http3"} {
		if addr := s.Addr(kind); addr != "" {
			all = append(all, kind+" "+addr)
		}
	}
	if n := s.life.lost.Load(); n > 0 {
		all = append(all, fmt.Sprintf("%d ended by themselves", n))
	}
	return strings.Join(all, ", ")
}

// preparing names the functions that do not work.
func (s *Server) preparing() string {
	var broken []string
	for _, f := range s.funcs.Status() {
		if f.State == function.StateBroken {
			broken = append(broken, f.Name)
		}
	}
	switch {
	case !s.life.prepared.Load():
		return "being prepared"
	case len(broken) > 0:
		return "broken: " + strings.Join(broken, ", ")
	}
	return "prepared"
}

// Build is what a binary was made of.
type Build struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Revision string `json:"revision,omitempty"` // of the source
	Modified bool   `json:"modified,omitempty"` // it had changes beside that
}

func (s *Server) build() Build {
	b := Build{Version: s.o.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if b.Version == "" {
		b.Version = "dev"
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, set := range info.Settings {
			switch set.Key {
			case "vcs.revision":
				b.Revision = set.Value
			case "vcs.modified":
				b.Modified = set.Value == "true"
			}
		}
	}
	return b
}
