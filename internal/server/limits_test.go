// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/throttle"
)

// keyedStack is a REST API of mocks, one of which requires an API key.
func keyedStack() *model.Stack {
	rate, burst := 1.0/86400, 2
	fine := []model.MethodResponse{{Status: "200"}}
	ok := &model.Integration{
		Kind: model.Mock, RequestTemplates: map[string]string{"application/json": `{"statusCode": 200}`},
		Responses: []model.IntegrationResponse{{Status: "200"}},
	}
	return &model.Stack{
		Name: "shop", Region: "us-east-1", AccountID: "123456789012", URLSuffix: "amazonaws.com",
		APIs: []*model.API{{
			LogicalID: "Api", ID: "restrestre", Kind: model.RESTAPI,
			Routes: []*model.Route{
				{Key: "GET /free", Method: "GET", Path: "/free", Integration: ok, Responses: fine},
				{Key: "GET /paid", Method: "GET", Path: "/paid", Integration: ok, Responses: fine, APIKeyRequired: true},
			},
			Stages: []*model.Stage{{Name: "prod", RouteThrottles: map[string]model.Throttle{"GET /free": {Rate: &rate, Burst: &burst}}}},
		}},
		APIKeys: []*model.APIKey{{LogicalID: "Key", ID: "key0000000", Enabled: true}, {LogicalID: "Own", ID: "own0000000", Enabled: true, Value: "0123456789abcdefghij"}},
		UsagePlans: []*model.UsagePlan{{
			LogicalID: "Plan", ID: "plan00", Keys: []string{"key0000000"}, Quota: &model.Quota{Limit: 3, Period: "MONTH"},
			Stages: []model.PlanStage{{API: "restrestre", Stage: "prod"}},
		}},
	}
}

// TestA15LimitsOutliveRevisions takes from a bucket and a quota, and deploys the
// same stack again.
func TestA15LimitsOutliveRevisions(t *testing.T) {
	srv, ca := start(t, keyedStack(), "http://127.0.0.1:1")
	c, scheme := client(t, srv, ca, "http")
	status := func(path string, fields ...string) int {
		rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://restrestre.execute-api.localhost/prod"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(fields); i += 2 {
			rq.Header.Set(fields[i], fields[i+1])
		}
		rs, err := c.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		_ = rs.Body.Close()
		return rs.StatusCode
	}
	keys := srv.Ready().APIKeys
	if len(keys) != 2 || !regexp.MustCompile(`^[a-z2-7]{40}$`).MatchString(keys[0].Value) || keys[1].Value != "" || strings.Join(keys[0].Plans, " ") != "Plan" {
		t.Fatalf("%+v", keys)
	}
	var got []string
	for i := range 4 {
		got = append(got, fmt.Sprint(status("/free"), status("/paid", "x-api-key", keys[0].Value)))
		if i == 1 {
			if err := srv.Apply(t.Context(), []*model.Stack{keyedStack()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s := strings.Join(got, ", "); s != "200 200, 200 200, 429 200, 429 429" {
		t.Errorf("free and paid: %s", s)
	}
	if status("/paid") != 403 || status("/paid", "x-api-key", "0123456789abcdefghij") != 403 {
		t.Error("a request without a key of the plan passed")
	}
}

// TestA15KeyValues: the same folder and stack give the same value, others give
// others.
func TestA15KeyValues(t *testing.T) {
	k := &model.APIKey{ID: "key0000000"}
	value := func(dir, stack string, k *model.APIKey) string {
		s := &Server{keySecret: func() ([]byte, error) { return keySecret(dir) }}
		return s.keyValue(stack, k)
	}
	a, b := t.TempDir(), t.TempDir()
	first := value(a, "shop", k)
	if value(a, "shop", k) != first {
		t.Error("the value changes")
	}
	for name, other := range map[string]string{
		"another folder": value(b, "shop", k), "another stack": value(a, "shop2", k), "another key": value(a, "shop", &model.APIKey{ID: "key0000001"}),
	} {
		if other == first || len(other) != 40 {
			t.Errorf("%s: %q", name, other)
		}
	}
	files, err := os.ReadDir(a)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	if fi, err := files[0].Info(); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(b, "api-keys.secret"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keySecret(b); err == nil {
		t.Error("a damaged secret is taken")
	}
}

// TestA15KeyValuesOfACluster: nodes with one secret give the same value, whatever
// their folders.
func TestA15KeyValuesOfACluster(t *testing.T) {
	k := &model.APIKey{ID: "key0000000"}
	value := func(secret string) string {
		s, err := New(Options{Data: t.TempDir(), HTTP: "127.0.0.1:0", KeySecret: []byte(secret)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close(t.Context())
		return s.keyValue("shop", k)
	}
	one, two, other := value("a secret of the cluster"), value("a secret of the cluster"), value("another")
	if one != two || one == other || len(one) != 40 {
		t.Errorf("%q %q %q", one, two, other)
	}
}

// TestA15QuotasOutliveTheNode: what was used of a quota is used after a restart.
func TestA15QuotasOutliveTheNode(t *testing.T) {
	dir := t.TempDir()
	q := throttle.Quota{Limit: 5, Period: throttle.Month}
	var told []string
	open := func() *keeper {
		return newKeeper(&Options{Data: dir}, func(msg string, _ ...any) { told = append(told, msg) })
	}
	left := func(k *keeper) (n int) {
		for k.limits.Quotas.Counter("plan/key").Take(q, time.Now()) {
			n++
		}
		return n
	}
	first := open()
	for range 2 {
		first.limits.Quotas.Counter("plan/key").Take(q, time.Now())
	}
	first.write()
	second := open() // a successor, while the first finishes
	first.limits.Quotas.Counter("plan/key").Take(q, time.Now())
	first.close()
	second.close()
	third := open()
	if n := left(third); n != 2 {
		t.Errorf("%d of 5 left after 3", n)
	}
	third.close()
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v %v", files, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "quotas.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	fourth := open()
	if n := left(fourth); n != 5 || len(told) != 1 {
		t.Errorf("a damaged file: %d left, told %q", n, told)
	}
	fourth.close()
	if len(told) > 2 {
		t.Errorf("told %q", told)
	}
}

// TestA15ThrottlingIsTold: an operator learns of it, once a minute each.
func TestA15ThrottlingIsTold(t *testing.T) {
	var b strings.Builder
	s := &Server{log: slog.New(slog.NewTextHandler(&b, nil)), kept: newKeeper(&Options{Data: t.TempDir()}, func(string, ...any) {})}
	defer s.kept.close()
	for range 100 {
		s.apiLog(&gateway.Record{APIID: "a", Stage: "prod", Route: "GET /", Status: 429, Reason: gateway.ReasonRate, Detail: errors.New("limit")})
		s.apiLog(&gateway.Record{APIID: "a", Stage: "prod", Route: "GET /", Status: 429, Reason: gateway.ReasonQuota, Detail: errors.New("quota"), APIKeyID: "k"})
	}
	if got := strings.Count(b.String(), "requests are throttled"); got != 2 {
		t.Errorf("told %d times:\n%s", got, b.String())
	}
}
