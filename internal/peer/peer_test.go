// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func nodes(n int) []Node {
	all := make([]Node, n)
	for i := range all {
		all[i].Name = fmt.Sprintf("edge-%d", i)
	}
	return all
}

// TestPick: keys are spread, and a node that leaves takes only its own along.
func TestPick(t *testing.T) {
	all := nodes(5)
	const keys = 20000
	count, moved := make([]int, 5), 0
	for k := range keys {
		key := fmt.Appendf(nil, "E1\n/%d", k)
		at := Pick(all, key, nil)
		count[at]++
		without := Pick(all, key, func(n Node) bool { return n.Name == "edge-2" })
		if at != 2 && without != at {
			t.Fatalf("%s moved from %d to %d", key, at, without)
		}
		if at == 2 {
			moved++
		}
		shuffled := []Node{all[3], all[0], all[4], all[2], all[1]}
		if got := shuffled[Pick(shuffled, key, nil)]; got != all[at] {
			t.Fatalf("%s: %v in another order, %v", key, got, all[at])
		}
	}
	for i, n := range count {
		if n < keys/5*9/10 || n > keys/5*11/10 {
			t.Errorf("node %d has %d of %d keys", i, n, keys)
		}
	}
	if Pick(nil, []byte("k"), nil) != -1 || Pick(all, []byte("k"), func(Node) bool { return true }) != -1 {
		t.Error("nobody is somebody")
	}
}

func TestHealth(t *testing.T) {
	var h health
	now := time.Unix(0, 0)
	if h.out("a", now) {
		t.Error("left out before it failed")
	}
	pause := pauseMin
	for range 8 {
		h.failed("a", now)
		h.failed("a", now) // one that was asked before: the pause stays
		if !h.out("a", now.Add(pause-1)) {
			t.Errorf("asked again before %v", pause)
		}
		now = now.Add(pause)
		if h.out("a", now) || !h.out("a", now) {
			t.Error("after the pause one is let through, and one only")
		}
		pause = min(2*pause, pauseMax)
	}
	h.worked("a")
	if h.out("a", now) {
		t.Error("left out although it works")
	}
}

// echo answers with the path of the question.
type echo struct{ refuse, fail bool }

func (e *echo) Relay(_ context.Context, q *Question, w *Writer) error {
	if e.refuse {
		return ErrRefused
	}
	if err := w.Take(); err != nil {
		return err
	}
	if err := w.Head(&Head{Status: 200, Length: -1, Shared: true}); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.Repeat(q.Path, 1000))
	if e.fail {
		_ = w.Flush()
		return errors.New("the origin broke off")
	}
	return err
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// pair is a node "other" that answers by r, and a Set that asks it.
func pair(t *testing.T, r Relay) (*Set, *Server) {
	t.Helper()
	a, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	self, err := a.Issue("self")
	if err != nil {
		t.Fatal(err)
	}
	other, err := a.Issue("other")
	if err != nil {
		t.Fatal(err)
	}
	srv := Serve(listen(t), other, r, nil)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = srv.Close(ctx)
	})
	s := New(Options{Self: "self", Members: Static{{"other", srv.Addr().String()}}, Identity: self})
	t.Cleanup(s.Close)
	return s, srv
}

func TestAsk(t *testing.T) {
	e := &echo{}
	s, _ := pair(t, e)
	a, err := s.Ask(t.Context(), []byte("k"), &Question{Path: "/a"})
	if err != nil || a == nil || a.From != "other" || a.Status != 200 {
		t.Fatalf("%+v %v", a, err)
	}
	b, err := io.ReadAll(a.Body)
	a.Body.Close()
	if err != nil || string(b) != strings.Repeat("/a", 1000) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	e.fail = true
	if a, err = s.Ask(t.Context(), []byte("k"), &Question{Path: "/a"}); err != nil || a == nil {
		t.Fatalf("%+v %v", a, err)
	}
	if _, err := io.ReadAll(a.Body); err == nil {
		t.Error("a body that broke off looks whole")
	}
	a.Body.Close()
	e.refuse = true
	if a, err := s.Ask(t.Context(), []byte("k"), &Question{}); a != nil || err != nil {
		t.Errorf("refused: %+v %v", a, err)
	}
	if got := s.Stats(); got != (Stats{Asked: 2, Refused: 1}) {
		t.Errorf("%+v", got)
	}
}

// TestADeadPeerCostsOneWait: a node that cannot be reached, or says nothing, is
// left out until it works again.
func TestADeadPeerCostsOneWait(t *testing.T) {
	s, srv := pair(t, &echo{})
	addr := srv.Addr().String()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := srv.Close(ctx); err != nil {
		t.Fatal(err)
	}
	mute, err := net.Listen("tcp", addr) // accepts, and says nothing, as a stopped process does
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	began := time.Now()
	for range 1000 {
		if a, err := s.Ask(t.Context(), []byte("k"), &Question{}); a != nil || err != nil {
			t.Fatalf("%+v %v", a, err)
		}
	}
	if d := time.Since(began); d > 20*s.o.Patience || s.Stats().Failed == 0 {
		t.Errorf("%v for 1000 questions, %+v", d, s.Stats())
	}
}

// TestStrangersAreNotAnswered: without a certificate of the authority, or with
// that of another name.
func TestStrangersAreNotAnswered(t *testing.T) {
	s, srv := pair(t, &echo{})
	a, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := a.Issue("self")
	if err != nil {
		t.Fatal(err)
	}
	stranger.Nodes = s.o.Identity.Nodes
	for name, o := range map[string]Options{
		"another authority": {Self: "self", Members: s.o.Members, Identity: stranger},
		"another name":      {Self: "self", Members: Static{{"third", srv.Addr().String()}}, Identity: s.o.Identity},
		"no certificate":    {Self: "self", Members: s.o.Members, Identity: Identity{Nodes: s.o.Identity.Nodes}},
	} {
		o.Patience = 5 * time.Second
		other := New(o)
		if a, err := other.Ask(t.Context(), []byte("k"), &Question{}); a != nil || err != nil || other.Stats().Failed != 1 {
			t.Errorf("%s: %+v %v", name, a, err)
		}
		other.Close()
	}
	rs, err := (&http.Client{Timeout: time.Second}).Get("http://" + srv.Addr().String() + path)
	if err == nil {
		defer rs.Body.Close()
		if rs.StatusCode != http.StatusBadRequest {
			t.Errorf("cleartext: %d", rs.StatusCode)
		}
	}
}

func TestAuthorityEncodes(t *testing.T) {
	a, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenAuthority(text)
	if err != nil || !b.cert.Equal(a.cert) {
		t.Fatal(err)
	}
	if _, err := OpenAuthority([]byte("none")); err == nil {
		t.Error("nothing is an authority")
	}
}
