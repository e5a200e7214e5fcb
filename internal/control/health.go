// SPDX-License-Identifier: Apache-2.0

package control

import (
	"net/http"
	"net/http/pprof"
)

func (c *control) readyz(w http.ResponseWriter, _ *http.Request) {
	ready, report := c.node.Health()
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	reply(w, status, report)
}

// profiles answers for go tool pprof. The command line is not told: parameters
// of a template may be secrets. (That net/http/pprof also enters itself into
// http.DefaultServeMux has no effect: nothing here serves that one.)
func profiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}
