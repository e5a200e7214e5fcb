// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"github.com/forelane/forelane/internal/bucket"
	"github.com/forelane/forelane/internal/bucket/s3api"
	"github.com/forelane/forelane/internal/bucket/store"
)

// stores are what was written into buckets, by name: below Data/buckets, over
// all revisions, and left there when a template has the bucket no more.
type stores struct {
	mu  sync.Mutex
	all map[string]*store.Store
}

func (w *stores) of(s *Server, name string) *store.Store {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all[name] == nil {
		if w.all == nil {
			w.all = map[string]*store.Store{}
		}
		folder := strings.ReplaceAll(url.PathEscape(name), "..", "%2E%2E") // no name of a bucket has either
		w.all[name] = store.New(filepath.Join(s.o.Data, "buckets", folder), s.o.Predecessor)
	}
	return w.all[name]
}

// objects answers the calls of S3 on the admin side, and leaves the rest to
// next. They do not pass next's guard: room s3api has its own.
func (s *Server) objects(next http.Handler) http.Handler {
	s3 := s3api.New(node{s}, s3api.Options{Secret: s.o.AdminToken})
	return http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		if s3api.Mine(rq) {
			s3.ServeHTTP(w, rq)
			return
		}
		next.ServeHTTP(w, rq)
	})
}

// Buckets are those of the revision that is served.
func (n node) Buckets() (all []*bucket.Bucket, release func()) {
	snap := n.s.pin()
	if snap == nil {
		return nil, func() {}
	}
	return snap.buckets, snap.release
}
