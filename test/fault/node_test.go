// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/server"
)

// A node as `forelane serve` would run it, with a listener beside it by which
// the arena deploys and looks. A bundle is a page; a revision is a stack that
// serves it and says its number in a field of the head.

// nodeConfig comes in the environment.
type nodeConfig struct {
	Name, Data, Origin string
	Routes             []string
	Tenure             time.Duration
}

const configVar = "FORELANE_FAULT_NODE"

// The ports of a node, each on all addresses of its namespace.
const (
	httpPort    = "8080"
	adminPort   = "9900"
	controlPort = "9901"
	routePort   = "7422"
)

// state is what a node says of itself.
type state struct {
	Current  bool   `json:"current"`
	Position uint64 `json:"position"`
	Revision int    `json:"revision"`
	Fault    string `json:"fault"`
}

// node is the consumer, and what the arena talks to.
type node struct {
	config  nodeConfig
	cluster *cluster.Cluster
	server  *server.Server
	follows *cluster.Follower
}

func runNode() error {
	var n node
	if err := json.Unmarshal([]byte(os.Getenv(configVar)), &n.config); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	var err error
	n.cluster, err = cluster.Open(cluster.Config{
		Dir: filepath.Join(n.config.Data, "cluster"), Node: n.config.Name, Listen: "0.0.0.0:" + routePort,
		Routes: n.config.Routes, Secret: []byte(strings.Repeat("secret", 6)), Tenure: n.config.Tenure, Log: log,
	})
	if err != nil {
		return err
	}
	n.server, err = server.New(server.Options{
		HTTP: "0.0.0.0:" + httpPort, Admin: "0.0.0.0:" + adminPort, Data: n.config.Data, CacheDisk: 64 << 20,
		Origins: map[string]string{"app": n.config.Origin}, Cluster: n.cluster, Log: log, Functions: function.Options{Environ: os.Environ()},
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := n.server.Bind(ctx); err != nil {
		return err
	}
	if n.follows, err = n.cluster.Follow(ctx, &n); err != nil {
		return err
	}
	n.server.Start()
	ln, err := net.Listen("tcp", "0.0.0.0:"+controlPort)
	if err != nil {
		return err
	}
	control := &http.Server{Handler: n.control()}
	go func() { _ = control.Serve(ln) }()
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(control.Shutdown(end), n.server.Close(end), n.cluster.Close())
}

// Restore implements cluster.Consumer.
func (n *node) Restore(ctx context.Context, inForce []cluster.Entry) error {
	if len(inForce) == 0 {
		return n.server.Apply(ctx, []*model.Stack{n.stack(0, "")})
	}
	for _, e := range inForce {
		if err := n.Apply(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// Apply implements cluster.Consumer.
func (n *node) Apply(ctx context.Context, e cluster.Entry) error {
	switch e.Kind {
	case cluster.Deploy:
		return n.deploy(ctx, e)
	case cluster.Invalidate:
		_, err := n.server.Drop(e.Invalidation.Distribution, e.Invalidation.Paths)
		return err
	}
	return fmt.Errorf("%w: %s", cluster.ErrRefused, e.Kind)
}

func (n *node) deploy(ctx context.Context, e cluster.Entry) error {
	b, err := n.cluster.Bundle(ctx, e.Bundle)
	if err != nil {
		return err
	}
	defer b.Close()
	page, err := io.ReadAll(b)
	if err != nil {
		return err
	}
	rev, err := strconv.Atoi(e.Note)
	if err != nil {
		return fmt.Errorf("%w: %w", cluster.ErrRefused, err)
	}
	dir := filepath.Join(n.config.Data, fmt.Sprint("site-", rev))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "rev.txt"), page, 0o600); err != nil {
		return err
	}
	return n.server.Apply(ctx, []*model.Stack{n.stack(rev, dir)})
}

// stack is a revision: what the origin has below /o/ for an hour, and a page of
// its own that is never cached.
func (n *node) stack(rev int, dir string) *model.Stack {
	get := []string{"GET", "HEAD"}
	st := &model.Stack{
		Name: "fault", Region: "us-east-1", AccountID: "123456789012", URLSuffix: "amazonaws.com",
		Distributions: []*model.Distribution{{
			LogicalID: "Edge", ID: "E1", ARN: "arn:edge", DomainName: "d1.cloudfront.net", Enabled: true,
			Origins: []*model.Origin{{ID: "app", DomainName: "app.example.com", Protocol: model.OriginHTTPOnly}},
			Behaviors: []*model.Behavior{{
				PathPattern: "*", Target: "app", Allowed: get, Cached: get,
				Cache: &model.CachePolicy{Name: "hour", DefaultTTL: time.Hour, MaxTTL: time.Hour},
			}},
		}},
	}
	if dir == "" {
		return st
	}
	d := st.Distributions[0]
	st.Buckets = []*model.Bucket{{
		LogicalID: "Site", Name: "fault-site", Region: "us-east-1", BlockPublic: true, Content: []model.Content{{Dir: dir}},
		PolicyJSON: `{"Statement":{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject",
			"Resource":"arn:aws:s3:::fault-site/*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:edge"}}}}`,
	}}
	d.Origins = append(d.Origins, &model.Origin{
		ID: "site", DomainName: "fault-site.s3.us-east-1.amazonaws.com", S3: true, Access: &model.OriginAccess{Type: "s3", Signing: "always"},
	})
	d.Behaviors = append([]*model.Behavior{{
		PathPattern: "/rev.txt", Target: "site", Allowed: get, Cached: get, Cache: &model.CachePolicy{Name: "none"},
		ResponseHeaders: &model.ResponseHeadersPolicy{Custom: []model.PolicyHeader{{Name: "X-Revision", Value: strconv.Itoa(rev), Override: true}}},
	}}, d.Behaviors...)
	return st
}

// control is the arena's way in.
func (n *node) control() http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		s := state{Current: n.follows.Current(time.Now()), Position: n.follows.Position()}
		for _, e := range n.follows.InForce() {
			s.Revision, _ = strconv.Atoi(e.Note)
		}
		if err := n.follows.Fault(); err != nil {
			s.Fault = err.Error()
		}
		answer(w, s, nil)
	})
	mux.HandleFunc("POST /deploy/{rev}", func(w http.ResponseWriter, r *http.Request) {
		d, err := n.cluster.PutBundle(r.Context(), r.Body)
		if err != nil {
			answer(w, nil, err)
			return
		}
		e, err := n.cluster.Append(r.Context(), cluster.Entry{Kind: cluster.Deploy, Stack: "fault", Bundle: d, Note: r.PathValue("rev")}, cluster.AnyLast)
		if err != nil {
			answer(w, nil, err)
			return
		}
		done, err := n.cluster.Wait(r.Context(), e.Number)
		answer(w, deployed{e.Number, done}, err)
	})
	mux.HandleFunc("GET /log", func(w http.ResponseWriter, r *http.Request) {
		all, err := n.cluster.Read(r.Context(), 0, 1<<30)
		answer(w, all, err)
	})
	return mux
}

// deployed is the answer to a deploy.
type deployed struct {
	Number     uint64
	Completion cluster.Completion
}
