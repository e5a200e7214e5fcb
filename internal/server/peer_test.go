// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/peer"
	"github.com/forelane/forelane/internal/viewer/localca"
)

// roster is Members that come one by one.
type roster struct {
	mu    sync.Mutex
	nodes []peer.Node
}

func (r *roster) Nodes() []peer.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nodes
}

func (r *roster) add(n peer.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes = append(r.nodes[:len(r.nodes):len(r.nodes)], n)
}

// TestO8ThreeNodes: three whole nodes in one process make one origin request a
// key, and still answer when one of them has left.
func TestO8ThreeNodes(t *testing.T) {
	var mu sync.Mutex
	calls := map[string]int{}
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls[r.URL.Path]++
		mu.Unlock()
		<-time.After(30 * time.Millisecond)
		fmt.Fprint(w, "body of ", r.URL.Path)
	}))
	t.Cleanup(origin.Close)
	authority, err := peer.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	ca, err := localca.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	members := &roster{}
	var nodes []*Server
	var clients []*http.Client
	for i := range 3 {
		name := fmt.Sprintf("edge-%d", i)
		id, err := authority.Issue(name)
		if err != nil {
			t.Fatal(err)
		}
		srv, err := New(Options{
			HTTP: "127.0.0.1:0", Data: t.TempDir(), Origins: map[string]string{"app": origin.URL},
			Functions: function.Options{Environ: os.Environ()},
			Peers:     &Peers{Self: name, Listen: "127.0.0.1:0", Members: members, Identity: id, Patience: 20 * time.Second},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { leave(t, srv) })
		if err := srv.Bind(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := srv.Apply(t.Context(), []*model.Stack{stack(t)}); err != nil {
			t.Fatal(err)
		}
		srv.Start()
		members.add(peer.Node{Name: name, Addr: srv.Addr("peers")})
		c, _ := client(t, srv, ca, "http")
		nodes, clients = append(nodes, srv), append(clients, c)
	}
	burst := func(prefix string) {
		var wg sync.WaitGroup
		for _, c := range clients {
			for k := range 60 {
				wg.Go(func() {
					path := fmt.Sprintf("/app/%s/%d", prefix, k%20)
					rs, err := c.Get("http://shop.localhost" + path)
					if err != nil {
						t.Error(err)
						return
					}
					defer rs.Body.Close()
					b := make([]byte, 64)
					n, _ := rs.Body.Read(b)
					if rs.StatusCode != 200 || string(b[:n]) != "body of "+path {
						t.Errorf("%s: %d %s", path, rs.StatusCode, b[:n])
					}
				})
			}
		}
		wg.Wait()
	}
	burst("all")
	for path, n := range calls {
		if n > 1 {
			t.Errorf("%s: %d requests to the origin", path, n)
		}
	}
	if len(calls) != 20 {
		t.Errorf("%d keys", len(calls))
	}
	leave(t, nodes[2])
	clients = clients[:2]
	burst("two")
	if len(calls) != 40 {
		t.Errorf("%d keys after one node has left", len(calls))
	}
}

func leave(t *testing.T, s *Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}
