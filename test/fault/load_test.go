// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/cluster"
)

// splitWords is strings.Fields.
func splitWords(s string) []string { return strings.Fields(s) }

// paths that viewers read and that change.
const pathCount = 8

// world is the load, and the origin.
type world struct {
	history
	start    time.Time
	dir      string // of what is deployed
	places   []*place
	versions [pathCount]atomic.Int64
	marks    atomic.Int64
	revision int            // of the last deploy that was asked for
	healthy  []atomic.Int64 // since when a node has no fault, in nanoseconds; 0: it has

	tried, acked [2]atomic.Int64 // invalidations, deploys
	mu2          sync.Mutex
	latency      []time.Duration // of invalidations
}

func (w *world) now() time.Duration { return time.Since(w.start) }

// ServeHTTP is the origin: a version a path.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	i, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/o/"))
	if err != nil || i < 0 || i >= pathCount {
		http.NotFound(out, r)
		return
	}
	v := strconv.FormatInt(w.versions[i].Load(), 10)
	out.Header().Set("Cache-Control", "max-age=3600")
	out.Header().Set("ETag", `"`+v+`"`)
	if r.Header.Get("If-None-Match") == `"`+v+`"` {
		out.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = io.WriteString(out, v)
}

// view sends a viewer's request.
func view(ctx context.Context, p *place, path string) (int, http.Header, []byte, error) {
	rq, err := http.NewRequestWithContext(ctx, "GET", p.url(httpPort, path), nil)
	if err != nil {
		return 0, nil, nil, err
	}
	rq.Host = host
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		return 0, nil, nil, err
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	return rs.StatusCode, rs.Header, b, err
}

// viewTime is how long a viewer waits: longer than any stop.
const viewTime = 15 * time.Second

// reads looks at node i until ctx ends.
func (w *world) reads(ctx context.Context, i int) {
	for n := 0; rest(ctx, time.Duration(2+rand.IntN(6))*time.Millisecond); n++ {
		begin, healthy := w.now(), w.healthy[i].Load()
		try, cancel := context.WithTimeout(ctx, viewTime)
		var err error
		if n%8 == 0 {
			err = w.readRevision(try, w.places[i], begin)
		} else {
			err = w.readPath(try, w.places[i], begin)
		}
		cancel()
		if err != nil && healthy != 0 && healthy == w.healthy[i].Load() && ctx.Err() == nil {
			w.history.mu.Lock()
			w.absent = append(w.absent, fmt.Sprintf("%s at %v: %v", w.places[i].name, begin, err))
			w.history.mu.Unlock()
		}
	}
}

func (w *world) readPath(ctx context.Context, p *place, begin time.Duration) error {
	path := fmt.Sprint("/o/", rand.IntN(pathCount))
	status, _, body, err := view(ctx, p, path)
	if err != nil {
		return err
	}
	version, err := strconv.Atoi(string(body))
	if status != http.StatusOK || err != nil {
		return fmt.Errorf("%d %.60q", status, body)
	}
	w.history.mu.Lock()
	w.history.reads = append(w.history.reads, read{p.name, path, version, begin})
	w.history.mu.Unlock()
	return nil
}

func (w *world) readRevision(ctx context.Context, p *place, begin time.Duration) error {
	status, head, body, err := view(ctx, p, "/rev.txt")
	if err != nil {
		return err
	}
	first, last, ok := pageEnds(body)
	said, err := strconv.Atoi(head.Get("X-Revision"))
	if status != http.StatusOK || err != nil || !ok {
		return fmt.Errorf("%d %q %.60q", status, head.Get("X-Revision"), body)
	}
	w.history.mu.Lock()
	w.revisions = append(w.revisions, revision{p.name, said, first, last, begin})
	w.history.mu.Unlock()
	return nil
}

// page is the body of a revision: long enough to be on its way when the next
// one comes.
func page(rev int) string {
	end := fmt.Sprintf("revision %d\n", rev)
	return end + strings.Repeat("forelane ", 16<<10) + "\n" + end
}

func pageEnds(b []byte) (first, last int, ok bool) {
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	n1, _ := fmt.Sscanf(string(lines[0]), "revision %d", &first)
	n2, _ := fmt.Sscanf(string(lines[len(lines)-1]), "revision %d", &last)
	return first, last, n1 == 1 && n2 == 1 && len(lines) == 3
}

// askTime is how long somebody waits for a completion.
const askTime = 20 * time.Second

// invalidates changes paths at the origin and invalidates them, through one
// node or another. Each caller has paths of its own.
func (w *world) invalidates(ctx context.Context, from, to int) {
	for rest(ctx, 10*time.Millisecond) {
		i, p := from+rand.IntN(to-from), w.places[rand.IntN(len(w.places))]
		version := int(w.versions[i].Add(1))
		path, mark := fmt.Sprint("/o/", i), fmt.Sprint("/mark/", w.marks.Add(1))
		body, _ := json.Marshal(map[string]any{"paths": []string{path, mark}})
		try, cancel := context.WithTimeout(ctx, askTime)
		w.tried[0].Add(1)
		begin := time.Now()
		err := p.invalidate(try, string(body))
		cancel()
		if err != nil {
			continue
		}
		w.acked[0].Add(1)
		w.mu2.Lock()
		w.latency = append(w.latency, time.Since(begin))
		w.mu2.Unlock()
		w.history.mu.Lock()
		w.writes = append(w.writes, write{path, version, mark, w.now()})
		w.history.mu.Unlock()
	}
}

// deploysSome deploys one revision after the other.
func (w *world) deploysSome(ctx context.Context) {
	for rest(ctx, 300*time.Millisecond) {
		w.deployNext(ctx, w.places[rand.IntN(len(w.places))])
	}
}

func (w *world) deployNext(ctx context.Context, p *place) error {
	w.revision++
	w.tried[1].Add(1)
	try, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	number, applied, err := p.deploy(try, filepath.Join(w.dir, strconv.Itoa(w.revision)), w.revision)
	if err != nil {
		return err
	}
	w.acked[1].Add(1)
	w.history.mu.Lock()
	w.deploys = append(w.deploys, deployed{w.revision, number, applied, w.now()})
	w.history.mu.Unlock()
	return nil
}

// collectWhole puts a last entry behind all others and reads the logs of all
// nodes until each has it: a node reads what its replica has, which may lag.
// What a log lacks before that entry is lost.
func (w *world) collectWhole(ctx context.Context) error {
	const mark = "/mark/last"
	if err := w.places[0].invalidate(ctx, `{"paths": ["`+mark+`"]}`); err != nil {
		return err
	}
	for {
		if err := w.collect(ctx); err != nil {
			return err
		}
		lacking := 0
		for _, log := range w.logs {
			if !slices.ContainsFunc(log, func(l logged) bool { return l.has(mark) }) {
				lacking++
			}
		}
		if lacking == 0 {
			return nil
		}
		if !rest(ctx, 100*time.Millisecond) {
			return fmt.Errorf("%d logs have no %s", lacking, mark)
		}
	}
}

// collect reads the logs of all nodes.
func (w *world) collect(ctx context.Context) error {
	w.logs = map[string][]logged{}
	for _, p := range w.places {
		all, err := p.entries(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		for _, e := range all {
			l := logged{number: e.Number, what: e.Kind.String() + " " + e.Note, token: e.Token}
			if e.Kind == cluster.Invalidate {
				l.what = strings.Join(e.Invalidation.Paths, " ")
			}
			w.logs[p.name] = append(w.logs[p.name], l)
		}
	}
	return nil
}

// rest waits; false: ctx ended.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
