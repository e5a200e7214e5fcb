// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/forelane/forelane/internal/bundle"
	"github.com/forelane/forelane/internal/cluster"
)

// The admin side of deploys:
//
//	PUT  /v1/bundles                 an archive -> {"bundle": digest}
//	POST /v1/plans                   Request -> Plan
//	POST /v1/deploys                 Request -> Events, one JSON line each
//	POST /v1/rollbacks               {stack, stage, to} -> Events
//	GET  /v1/revisions?stack=&stage= -> [Revision]
//	GET  /v1/nodes                   -> Status
//	GET  /v1/log?after=&limit=       -> entries, one JSON line each
//
// The last line of Events is done or failed.

// maxRequest bounds a body that is no bundle.
const maxRequest = 1 << 20

// Routes are the handlers of the admin side, by pattern.
func (d *Desk) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"PUT /v1/bundles":    http.HandlerFunc(d.putBundle),
		"POST /v1/plans":     http.HandlerFunc(d.postPlan),
		"POST /v1/deploys":   http.HandlerFunc(d.postDeploy),
		"POST /v1/rollbacks": http.HandlerFunc(d.postRollback),
		"GET /v1/revisions":  http.HandlerFunc(d.getRevisions),
		"GET /v1/nodes":      http.HandlerFunc(d.getNodes),
		"GET /v1/log":        http.HandlerFunc(d.getLog),
	}
}

func (d *Desk) putBundle(w http.ResponseWriter, r *http.Request) {
	digest, err := d.Store(r.Context(), http.MaxBytesReader(w, r.Body, bundle.MaxBytes+bundle.MaxFiles*1024))
	if err != nil {
		fault(w, err)
		return
	}
	reply(w, map[string]any{"bundle": digest})
}

func (d *Desk) postPlan(w http.ResponseWriter, r *http.Request) {
	var rq Request
	if !read(w, r, &rq) {
		return
	}
	p, err := d.Plan(r.Context(), rq)
	if err != nil {
		fault(w, d.relative(err))
		return
	}
	reply(w, p)
}

func (d *Desk) postDeploy(w http.ResponseWriter, r *http.Request) {
	var rq Request
	if !read(w, r, &rq) {
		return
	}
	stream(w, r, func(tell func(Event)) error { return d.Deploy(r.Context(), rq, tell) })
}

func (d *Desk) postRollback(w http.ResponseWriter, r *http.Request) {
	var rq struct {
		Stack string `json:"stack"`
		Stage string `json:"stage"`
		To    uint64 `json:"to"`
		By    string `json:"by"`
		Note  string `json:"note"`
	}
	if !read(w, r, &rq) {
		return
	}
	stream(w, r, func(tell func(Event)) error {
		return d.Rollback(r.Context(), Request{Stack: rq.Stack, Stage: rq.Stage, By: rq.By, Note: rq.Note}, rq.To, tell)
	})
}

// stream answers with events as they come. A failure that no event told is told
// as the last one.
func stream(w http.ResponseWriter, r *http.Request, run func(tell func(Event)) error) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	rc, enc := http.NewResponseController(w), json.NewEncoder(w)
	var mu sync.Mutex
	failed := false
	tell := func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		failed = failed || e.Step == Failed
		if enc.Encode(e) == nil {
			_ = rc.Flush() // the caller may be gone: the deploy goes on
		}
	}
	if err := run(tell); err != nil && !failed && r.Context().Err() == nil {
		tell(Event{Step: Failed, Message: err.Error()})
	}
}

func (d *Desk) getRevisions(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	out, err := d.History(r.Context(), q.Get("stack"), q.Get("stage"))
	if err != nil {
		fault(w, err)
		return
	}
	reply(w, out)
}

func (d *Desk) getNodes(w http.ResponseWriter, r *http.Request) {
	s, err := d.Status(r.Context())
	if err != nil {
		fault(w, err)
		return
	}
	reply(w, s)
}

// read reads a request strictly.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		say(w, http.StatusBadRequest, "the request cannot be read: "+err.Error())
		return false
	}
	return true
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller is gone if this fails
}

func say(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message}) // the caller is gone if this fails
}

// fault answers with an error: whose it is decides the status.
func fault(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, cluster.ErrUnavailable), errors.Is(err, cluster.ErrUnknownOutcome), errors.Is(err, context.DeadlineExceeded):
		status = http.StatusServiceUnavailable
	case errors.Is(err, cluster.ErrConflict), errors.Is(err, ErrMeanwhile):
		status = http.StatusConflict
	case errors.Is(err, cluster.ErrNoBundle):
		status = http.StatusNotFound
	}
	say(w, status, err.Error())
}
