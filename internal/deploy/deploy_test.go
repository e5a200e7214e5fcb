// SPDX-License-Identifier: Apache-2.0

package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forelane/forelane/internal/bundle"
	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/deploy"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stubborn is a real server that refuses to deploy once it is told to, after
// all went well in the trial.
type stubborn struct {
	*server.Server
	refuse error
}

func (s *stubborn) Deploy(ctx context.Context, stacks []*model.Stack) error {
	if s.refuse != nil {
		err := s.refuse
		s.refuse = nil
		return err
	}
	return s.Server.Deploy(ctx, stacks)
}

// alone is a node of a cluster of one.
type alone struct {
	t       *testing.T
	srv     *stubborn
	desk    *deploy.Desk
	cluster *cluster.Cluster
	dir     string
}

func newAlone(t *testing.T) *alone {
	t.Helper()
	return newAloneOf(t, 0)
}

// newAloneOf is a node whose log keeps so many entries.
func newAloneOf(t *testing.T, entries int) *alone {
	t.Helper()
	dir := t.TempDir()
	srv, err := server.New(server.Options{Data: filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	cl, err := cluster.Open(cluster.Config{Dir: filepath.Join(dir, "cluster"), Node: "alone", Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	a := &alone{t: t, cluster: cl, srv: &stubborn{Server: srv}, dir: dir}
	node := deploy.NewNode(deploy.Options{Dir: filepath.Join(dir, "bundles"), Bundles: cl, Server: a.srv})
	a.desk = deploy.NewDesk(node, cl)
	if _, err := cl.Follow(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(cl.Close(), srv.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	if err := cl.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// store makes a bundle of a template and stores it.
func (a *alone) store(template string) cluster.Digest {
	a.t.Helper()
	file := filepath.Join(a.t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(template), 0o644); err != nil {
		a.t.Fatal(err)
	}
	var b bundle.Builder
	var out bytes.Buffer
	if err := errors.Join(b.AddFile("template.yaml", file), b.Write(&out, &bundle.Manifest{Template: "template.yaml", Name: "shop"})); err != nil {
		a.t.Fatal(err)
	}
	d, err := a.desk.Store(a.t.Context(), &out)
	if err != nil {
		a.t.Fatal(err)
	}
	return d
}

// deploy plans and deploys; it returns the steps.
func (a *alone) deploy(stage string, d cluster.Digest) (steps []string, err error) {
	a.t.Helper()
	rq := deploy.Request{Stack: "shop", Stage: stage, Bundle: d, By: "test"}
	p, err := a.desk.Plan(a.t.Context(), rq)
	if err != nil {
		return nil, err
	}
	rq.After = p.After
	err = a.desk.Deploy(a.t.Context(), rq, func(e deploy.Event) { steps = append(steps, string(e.Step)) })
	return steps, err
}

// serves checks which stacks are served.
func (a *alone) serves(want string) {
	a.t.Helper()
	r := a.srv.Ready()
	if r.Stack != want {
		a.t.Errorf("serves %q, want %q", r.Stack, want)
	}
}

// bucket is a template with a bucket whose logical id is given.
func bucket(id string) string {
	return "Resources: {" + id + ": {Type: AWS::S3::Bucket}}\nOutputs: {Which: {Value: " + id + "}}\n"
}

func (a *alone) which(want string) {
	a.t.Helper()
	if got := a.srv.Ready().Outputs["Which"]; got != want {
		a.t.Errorf("in force is %q, want %q", got, want)
	}
}

func TestUndo(t *testing.T) {
	a := newAlone(t)
	if steps, err := a.deploy("", a.store(bucket("One"))); err != nil || strings.Join(steps, " ") != "trying ready deploying applied done" {
		t.Fatalf("%v %v", steps, err)
	}
	a.which("One")
	a.srv.refuse = errors.New("the disk is full")
	steps, err := a.deploy("", a.store(bucket("Two")))
	if err == nil || !strings.Contains(err.Error(), "alone: the disk is full") || !strings.Contains(err.Error(), "rolled back by revision 5") {
		t.Errorf("%v", err)
	}
	if got := strings.Join(steps, " "); got != "trying ready deploying refused rollingBack applied failed" {
		t.Errorf("%s", got)
	}
	a.which("One")
	h, err := a.desk.History(t.Context(), "shop", "")
	if err != nil || len(h) != 3 || h[0].Number != 5 || !h[0].InForce || h[0].Bundle != h[2].Bundle || !strings.Contains(h[0].Note, "back to revision 2: revision 4 failed") {
		t.Errorf("%+v %v", h, err)
	}
	if _, err := a.deploy("", a.store(bucket("Three"))); err != nil {
		t.Errorf("after the failure: %v", err)
	}
	a.which("Three")
}

func TestFirstDeployFails(t *testing.T) {
	a := newAlone(t)
	a.srv.refuse = errors.New("no")
	if _, err := a.deploy("prod", a.store(bucket("One"))); err == nil || !strings.Contains(err.Error(), "rolled back by revision 3") {
		t.Errorf("%v", err)
	}
	a.serves("")
	h, err := a.desk.History(t.Context(), "", "")
	if err != nil || len(h) != 2 || h[0].Kind != "remove" || h[0].InForce || h[1].InForce {
		t.Errorf("%+v %v", h, err)
	}
	if _, err := a.deploy("prod", a.store(bucket("One"))); err != nil {
		t.Error(err)
	}
	a.serves("shop-prod")
}

func TestMeanwhile(t *testing.T) {
	a := newAlone(t)
	one, two := a.store(bucket("One")), a.store(bucket("Two"))
	late, err := a.desk.Plan(t.Context(), deploy.Request{Stack: "shop", Bundle: two})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.deploy("", one); err != nil {
		t.Fatal(err)
	}
	if _, err := a.deploy("dev", one); err != nil { // another stage does not matter
		t.Fatal(err)
	}
	err = a.desk.Deploy(t.Context(), deploy.Request{Stack: "shop", Bundle: two, After: late.After}, func(deploy.Event) {})
	if !errors.Is(err, deploy.ErrMeanwhile) || !strings.Contains(err.Error(), "revision 2 by test") {
		t.Errorf("%v", err)
	}
	a.serves("shop,shop-dev")
}

func TestRollback(t *testing.T) {
	a := newAlone(t)
	for _, id := range []string{"One", "Two", "Two2"} {
		if _, err := a.deploy("", a.store(bucket(id))); err != nil {
			t.Fatal(err)
		}
	}
	none := func(deploy.Event) {}
	back := func(to uint64) error {
		return a.desk.Rollback(t.Context(), deploy.Request{Stack: "shop"}, to, none)
	}
	if err := back(0); err != nil {
		t.Error(err)
	}
	a.which("Two")
	if err := back(2); err != nil {
		t.Error(err)
	}
	a.which("One")
	for to, want := range map[uint64]string{3: "has no revision 3", 99: "has no revision 99"} {
		if err := back(to); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", to, err)
		}
	}
	if err := a.desk.Rollback(t.Context(), deploy.Request{Stack: "nobody"}, 0, none); err == nil {
		t.Error("a stack that is not there")
	}
}

func TestRefused(t *testing.T) {
	a := newAlone(t)
	if _, err := a.deploy("", a.store(bucket("One"))); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ template, want string }{
		"a file of the node":       {"Resources: {B: {Type: AWS::S3::Bucket, Metadata: {Forelane: {Content: /etc}}}}", "template.yaml:1:"},
		"what does not evaluate":   {"Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref Nobody}}}", "template.yaml:1:"},
		"code that cannot be run":  {"Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function, Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: .}}}", "template.yaml:2:13: function F: there is no bootstrap"},
		"a bucket name taken":      {"Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketName: taken-name}}}", "has bucket taken-name already"},
		"a secret nobody knows of": {"Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketName: '{{resolve:ssm:/x}}'}}}", "is not known here"},
	} {
		t.Run(name, func(t *testing.T) {
			d := a.store(tt.template)
			if name == "a bucket name taken" {
				if _, err := a.deploy("other", d); err != nil {
					t.Fatal(err)
				}
			}
			// without a plan: the trial alone must refuse it
			h, err := a.desk.History(t.Context(), "shop", "prod")
			if err != nil {
				t.Fatal(err)
			}
			err = a.desk.Deploy(t.Context(), deploy.Request{Stack: "shop", Stage: "prod", Bundle: d}, func(deploy.Event) {})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "nothing has changed") || strings.Contains(err.Error(), a.dir) {
				t.Errorf("%v", err)
			}
			after, err := a.desk.History(t.Context(), "shop", "prod")
			if err != nil || len(after) != len(h)+1 || after[0].Kind != "refused" || after[0].Bundle != d {
				t.Errorf("%+v %v", after, err)
			}
		})
	}
	a.serves("shop,shop-other")
}

func TestNames(t *testing.T) {
	a := newAlone(t)
	d := a.store(bucket("One"))
	for _, rq := range []deploy.Request{
		{Stack: "", Bundle: d},
		{Stack: "a b", Bundle: d},
		{Stack: "../x", Bundle: d},
		{Stack: "shop", Stage: "-x", Bundle: d},
		{Stack: strings.Repeat("x", 65), Bundle: d},
		{Stack: "shop", Bundle: "sha256:x"},
		{Stack: "shop", Bundle: "../../etc"},
	} {
		if err := a.desk.Deploy(t.Context(), rq, func(deploy.Event) {}); err == nil {
			t.Errorf("%+v was taken", rq)
		}
	}
	gone := cluster.Digest("sha256:" + strings.Repeat("0", 64))
	if err := a.desk.Deploy(t.Context(), deploy.Request{Stack: "shop", Bundle: gone}, func(deploy.Event) {}); err == nil || !strings.Contains(err.Error(), "no such bundle") {
		t.Errorf("%v", err)
	}
}

// TestOldBundlesGo: what is unpacked does not grow for ever.
func TestOldBundlesGo(t *testing.T) {
	a := newAlone(t)
	for i := range 12 {
		if _, err := a.deploy("", a.store(bucket(fmt.Sprintf("B%d", i)))); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(a.dir, "bundles"))
	if err != nil || len(entries) != 9 { // in force, and eight
		t.Errorf("%d folders: %v", len(entries), err)
	}
	a.which("B11")
}

// TestRestore: a node that starts again serves what was in force, but for what
// it cannot serve any more.
func TestRestore(t *testing.T) {
	a := newAlone(t)
	one, two := a.store(bucket("One")), a.store(bucket("Two"))
	var force []cluster.Entry
	for i, d := range []cluster.Digest{one, two, "sha256:" + cluster.Digest(strings.Repeat("0", 64))} {
		force = append(force, cluster.Entry{Number: uint64(i + 1), Kind: cluster.Deploy, Stack: fmt.Sprintf("s%d", i), Bundle: d})
	}
	node := deploy.NewNode(deploy.Options{Dir: filepath.Join(a.dir, "again"), Bundles: a.cluster, Server: a.srv})
	if err := node.Restore(t.Context(), force); err != nil {
		t.Fatal(err)
	}
	a.serves("s0,s1")
}

// TestHistoryOfATrimmedLog: deploys that the log has let go are told, and can be
// gone back to; the one in force is told however old it is.
func TestHistoryOfATrimmedLog(t *testing.T) {
	a := newAloneOf(t, 20)
	for _, id := range []string{"One", "Two"} {
		if _, err := a.deploy("", a.store(bucket(id))); err != nil {
			t.Fatal(err)
		}
	}
	trimmed := func() bool {
		first, err := a.cluster.Read(t.Context(), 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		return first[0].Number > 10
	}
	for limit := time.After(30 * time.Second); !trimmed(); {
		if _, err := a.cluster.Invalidate(t.Context(), "", []string{"/a"}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-limit:
			t.Fatal("the log is not trimmed")
		default:
		}
	}
	h, err := a.desk.History(t.Context(), "shop", "")
	if err != nil || len(h) != 2 || !h[0].InForce || h[1].InForce || h[0].By != "test" || h[0].Number <= h[1].Number {
		t.Errorf("%+v %v", h, err)
	}
	if err := a.desk.Rollback(t.Context(), deploy.Request{Stack: "shop"}, 0, func(deploy.Event) {}); err != nil {
		t.Error(err)
	}
	a.which("One")
}

// TestSkip: what is in force takes the place of all that was, settings that have
// ended end, and what is cached is forgotten; a bundle that cannot be fetched now
// changes nothing.
func TestSkip(t *testing.T) {
	a := newAlone(t)
	one, two := a.store(bucket("One")), a.store(bucket("Two"))
	var did []string
	at := func(n uint64, stack string, d cluster.Digest) cluster.Entry {
		return cluster.Entry{Number: n, Kind: cluster.Deploy, Stack: stack, Bundle: d}
	}
	bundles := &flaky{Cluster: a.cluster}
	node := deploy.NewNode(deploy.Options{
		Dir: filepath.Join(a.dir, "again"), Bundles: bundles, Server: a.srv, Purge: func() { did = append(did, "purge") },
		Set: func(_ context.Context, e cluster.Entry) error {
			did = append(did, e.Key+"="+string(e.Value))
			return nil
		},
	})
	if err := node.Restore(t.Context(), []cluster.Entry{at(1, "s0", one), at(2, "s1", one)}); err != nil {
		t.Fatal(err)
	}
	bundles.err = cluster.ErrUnavailable
	if err := node.Skip(t.Context(), []cluster.Entry{at(9, "s2", two)}, nil); !errors.Is(err, cluster.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	a.serves("s0,s1")
	bundles.err = nil
	if err := node.Skip(t.Context(), []cluster.Entry{at(9, "s2", two), {Number: 8, Kind: cluster.Set, Stack: "s2", Key: "kept", Value: []byte("1")}}, []cluster.Entry{{Kind: cluster.Set, Stack: "s0", Key: "old"}}); err != nil {
		t.Fatal(err)
	}
	a.serves("s2")
	if err := node.Skip(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	a.serves("")
	if got := strings.Join(did, " "); got != "old= kept=1 purge purge" {
		t.Errorf("%q", got)
	}
}

// flaky is a cluster whose bundles cannot be had for a while.
type flaky struct {
	*cluster.Cluster
	err error
}

func (f *flaky) Bundle(ctx context.Context, d cluster.Digest) (io.ReadSeekCloser, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.Cluster.Bundle(ctx, d)
}
