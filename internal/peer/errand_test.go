// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

// clerk answers errands with what they are.
type clerk struct {
	name     string
	revision string
	breaks   bool // takes the errand, and goes without a word
	done     atomic.Int64
}

func (c *clerk) Errand(_ context.Context, e *Errand, body io.ReadCloser, w *Writer) error {
	if e.Revision != c.revision {
		return ErrRefused
	}
	if err := w.Take(); err != nil {
		return err
	}
	c.done.Add(1)
	if c.breaks {
		return errors.New("gone")
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if err := w.ReplyHead(&ReplyHead{Status: 201, Length: -1, Header: http.Header{"X-Edge-Identity": {"*"}, "X-Name": {c.name}}}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s %s?%s %s %s", e.Method, e.Path, e.Query, e.Header.Get("X-A"), b)
	return err
}

// office is nodes with clerks, and a Set that gives them errands.
func office(t *testing.T, clerks ...*clerk) (*Set, []*Server) {
	t.Helper()
	a, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	self, err := a.Issue("self")
	if err != nil {
		t.Fatal(err)
	}
	var members Static
	var all []*Server
	for _, c := range clerks {
		id, err := a.Issue(c.name)
		if err != nil {
			t.Fatal(err)
		}
		srv := Serve(listen(t), id, nil, c)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = srv.Close(ctx)
		})
		members, all = append(members, Node{c.name, srv.Addr().String()}), append(all, srv)
	}
	s := New(Options{Self: "self", Members: members, Identity: self, Patience: 10 * time.Second})
	t.Cleanup(s.Close)
	return s, all
}

func carried(t *testing.T, s *Set, e *Errand, body io.Reader) (from, text string, err error) {
	t.Helper()
	r, err := s.Carry(t.Context(), e, body)
	if err != nil {
		return "", "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if r.Status != 201 || r.Header.Get("X-Edge-Identity") != "*" || r.Header.Get("X-Name") != r.From {
		t.Errorf("%+v", r.ReplyHead)
	}
	return r.From, string(b), err
}

func TestCarry(t *testing.T) {
	one, two := &clerk{name: "one", revision: "r"}, &clerk{name: "two", revision: "r"}
	s, _ := office(t, one, two)
	long := strings.Repeat("0123456789", 300_000)
	for name, tt := range map[string]struct {
		e    Errand
		body string
		want string
	}{
		"no body":     {Errand{Method: "GET", Path: "/a%2Fb", Query: "q=1"}, "", "GET /a%2Fb?q=1 x "},
		"a body":      {Errand{Method: "POST", Path: "/p", Length: 4}, "body", "POST /p? x body"},
		"of a length": {Errand{Method: "PUT", Path: "/l", Length: -1}, long, "PUT /l? x " + long},
	} {
		tt.e.Revision, tt.e.Header = "r", http.Header{"X-A": {"x"}}
		if _, got, err := carried(t, s, &tt.e, strings.NewReader(tt.body)); got != tt.want || err != nil {
			t.Errorf("%s: %.80q %v", name, got, err)
		}
	}
	seen := map[string]int{}
	for range 10 {
		from, _, err := carried(t, s, &Errand{Method: "GET", Path: "/", Revision: "r"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[from]++
	}
	if seen["one"] != 5 || seen["two"] != 5 {
		t.Errorf("not in turn: %v", seen)
	}
}

// TestCarryGoesOn: an errand that a node did not take goes to the next one, its
// body unread; one that a node may have done does not, unless it changes nothing.
func TestCarryGoesOn(t *testing.T) {
	for name, tt := range map[string]struct {
		first  *clerk
		closed bool
		method string
		body   string
		want   string // the node that does it; empty: nobody
		err    error
	}{
		"another revision":          {first: &clerk{revision: "old"}, method: "POST", body: "b", want: "two"},
		"it is gone":                {first: &clerk{revision: "r"}, closed: true, method: "POST", body: "b", want: "two"},
		"it broke off":              {first: &clerk{revision: "r", breaks: true}, method: "GET", want: "two"},
		"it broke off with a body":  {first: &clerk{revision: "r", breaks: true}, method: "POST", body: "b", err: ErrUncertain},
		"it broke off what changes": {first: &clerk{revision: "r", breaks: true}, method: "DELETE", err: ErrUncertain},
		"it takes it":               {first: &clerk{revision: "r"}, method: "GET", want: "one"},
	} {
		tt.first.name = "one"
		two := &clerk{name: "two", revision: "r"}
		s, servers := office(t, tt.first, two)
		if tt.closed {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := servers[0].Close(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
		}
		s.turn.Store(1) // the next one begins with the first node
		body := &bytes.Buffer{}
		body.WriteString(tt.body)
		from, text, err := carried(t, s, &Errand{Method: tt.method, Path: "/", Revision: "r", Length: int64(len(tt.body))}, body)
		if from != tt.want || !errors.Is(err, tt.err) || tt.want != "" && !strings.HasSuffix(text, " "+tt.body) {
			t.Errorf("%s: by %q: %q %v", name, from, text, err)
		}
		if tt.err != nil && two.done.Load() != 0 {
			t.Errorf("%s: it was done twice", name)
		}
	}
}

// TestCarryToNobody: no node, one that is dead, one that stays at another
// revision.
func TestCarryToNobody(t *testing.T) {
	e := &Errand{Method: "GET", Path: "/", Revision: "r"}
	s, _ := office(t)
	if _, _, err := carried(t, s, e, nil); !errors.Is(err, ErrNobody) {
		t.Errorf("no node: %v", err)
	}
	s, servers := office(t, &clerk{name: "one", revision: "r"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := servers[0].Close(ctx); err != nil {
		t.Fatal(err)
	}
	for range 3 { // also when it is known to be dead
		if _, _, err := carried(t, s, e, nil); !errors.Is(err, ErrNobody) {
			t.Errorf("dead: %v", err)
		}
	}
	s, _ = office(t, &clerk{name: "one", revision: "other"})
	if _, _, err := carried(t, s, e, iotest.ErrReader(errors.New("read"))); !errors.Is(err, ErrRefused) {
		t.Errorf("another revision: %v", err)
	}
}
