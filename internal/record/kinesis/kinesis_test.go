// SPDX-License-Identifier: Apache-2.0

package kinesis

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forelane/forelane/internal/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api is Kinesis as far as it is needed: it checks signatures and limits.
type api struct {
	t  *testing.T
	mu sync.Mutex
	// refuse says how many records, from the first on, each call does not take;
	// status is that of failed calls, as many as down.
	refuse       int
	down, status int
	calls        int
	lines        []string
	keys         map[string]bool
}

func (a *api) ServeHTTP(w http.ResponseWriter, rq *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	if a.down > 0 {
		a.down--
		http.Error(w, `{"__type":"InternalFailure"}`, a.status)
		return
	}
	body, err := io.ReadAll(rq.Body)
	if err != nil {
		a.t.Error(err)
	}
	if err := sigv4.Verify(rq, "secret", time.Now()); err != nil || rq.Header.Get("X-Amz-Target") != "Kinesis_20131202.PutRecords" {
		a.t.Errorf("signature: %v, target %q", err, rq.Header.Get("X-Amz-Target"))
	}
	var in struct {
		StreamName string
		Records    []entry
	}
	if err := json.Unmarshal(body, &in); err != nil || in.StreamName != "live" || len(in.Records) == 0 || len(in.Records) > 500 {
		a.t.Errorf("%v, stream %q, %d records", err, in.StreamName, len(in.Records))
	}
	out := answer{Records: make([]struct{ ErrorCode string }, len(in.Records))}
	for i, r := range in.Records {
		if i < a.refuse {
			out.Records[i].ErrorCode, out.FailedRecordCount = "ProvisionedThroughputExceededException", out.FailedRecordCount+1
			continue
		}
		line, err := base64.StdEncoding.DecodeString(r.Data)
		if err != nil || r.PartitionKey == "" {
			a.t.Errorf("%v %q", err, r.PartitionKey)
		}
		a.lines, a.keys[r.PartitionKey] = append(a.lines, string(line)), true
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		a.t.Error(err)
	}
}

func open(t *testing.T, a *api) (*Stream, *strings.Builder) {
	t.Helper()
	a.t, a.keys = t, map[string]bool{}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	told := &strings.Builder{}
	s, err := New(Options{
		Endpoint: srv.URL, ARN: "arn:aws:kinesis:eu-central-1:123456789012:stream/live", Pause: time.Millisecond,
		Credentials: func() (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKeyID: "AK", SecretAccessKey: "secret"}, nil
		},
		Warn: func(text string, args ...any) { fmt.Fprintln(told, text) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, told
}

func lines(from, to int) []byte {
	var b []byte
	for i := from; i < to; i++ {
		b = fmt.Appendf(b, "%d\tx\n", i)
	}
	return b
}

func put(t *testing.T, s *Stream, p []byte) {
	t.Helper()
	if n, err := s.Write(p); n != len(p) || err != nil {
		t.Errorf("%d of %d: %v", n, len(p), err)
	}
}

func TestE13LinesBecomeRecords(t *testing.T) {
	a := &api{}
	s, told := open(t, a)
	put(t, s, lines(0, 1201))
	if a.calls != 3 || len(a.lines) != 1201 || a.lines[700] != "700\tx\n" || s.Lost() != 0 || told.Len() > 0 {
		t.Errorf("%d calls, %d lines, %d lost, told %q", a.calls, len(a.lines), s.Lost(), told)
	}
	if len(a.keys) < 1000 {
		t.Errorf("%d keys spread 1201 records", len(a.keys))
	}
	put(t, s, append(append(make([]byte, 0, 6<<20), strings.Repeat("x", 3<<20)+"\n"...), strings.Repeat("y", 3<<20)+"\n"...))
	if a.calls != 5 {
		t.Errorf("%d calls: two records of 3 MiB go in two", a.calls)
	}
}

func TestE13WhatAShardRefusesIsSentAgain(t *testing.T) {
	a := &api{refuse: 2}
	s, told := open(t, a)
	put(t, s, lines(0, 10))
	if a.calls != 3 || len(a.lines) != 8 || s.Lost() != 2 || strings.Count(told.String(), "are lost") != 1 {
		t.Errorf("%d calls, %d lines, %d lost, told %q", a.calls, len(a.lines), s.Lost(), told)
	}
	a.refuse = 0
	put(t, s, lines(10, 11))
	if s.Lost() != 2 || strings.Count(told.String(), "arrive again") != 1 {
		t.Errorf("%d lost, told %q", s.Lost(), told)
	}
}

func TestE13AFailedCallIsTriedAgain(t *testing.T) {
	a := &api{down: 2, status: 503}
	s, told := open(t, a)
	put(t, s, lines(0, 5))
	if a.calls != 3 || len(a.lines) != 5 || s.Lost() != 0 || told.Len() > 0 {
		t.Errorf("%d calls, %d lines, %d lost, told %q", a.calls, len(a.lines), s.Lost(), told)
	}
	a.down = 10
	put(t, s, lines(0, 5))
	put(t, s, lines(0, 5))
	if s.Lost() != 10 || strings.Count(told.String(), "are lost") != 1 {
		t.Errorf("%d lost, told %q", s.Lost(), told)
	}
}

// TestE13CloseEndsCalls: a stream that hangs does not hold the end of the node up.
func TestE13CloseEndsCalls(t *testing.T) {
	reached, end := make(chan struct{}, 1), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, rq *http.Request) {
		reached <- struct{}{}
		<-end
	}))
	defer srv.Close()
	defer close(end)
	s, err := New(Options{Endpoint: srv.URL, ARN: "arn:aws:kinesis:x:1:stream/live", Credentials: func() (sigv4.Credentials, error) { return sigv4.Credentials{}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		put(t, s, lines(0, 3))
	}()
	<-reached
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-done
	if s.Lost() != 3 {
		t.Errorf("%d lost", s.Lost())
	}
}

func TestE13RefusesWhatIsNoStream(t *testing.T) {
	for _, tt := range [][2]string{
		{"", "http://localhost"},
		{"arn:aws:kinesis:x:1:stream/", "http://localhost"},
		{"arn:aws:firehose:x:1:deliverystream/a", "http://localhost"},
		{"arn:aws:kinesis:x:1:stream/a", "localhost"},
		{"arn:aws:kinesis:x:1:stream/a", ""},
		{"arn:aws:kinesis:x:1:stream/a", "ftp://localhost"},
	} {
		if _, err := New(Options{ARN: tt[0], Endpoint: tt[1]}); err == nil {
			t.Errorf("%v is taken", tt)
		}
	}
}
