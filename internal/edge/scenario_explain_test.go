// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/edge/account"
	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/model"
)

// explain asks why a request would be answered as it would be.
func (s *script) explain(a []string) {
	fetch := len(a) > 0 && a[len(a)-1] == "fetch"
	if fetch {
		a = a[:len(a)-1]
	}
	target, fields := s.parse(a)
	records, calls := s.w.recordCount(), s.w.originCalls()
	how := AskNobody
	if fetch {
		how = AskOrigin
	}
	e := s.w.edge.Explain(context.Background(), request(target, fields...), how)
	s.settle()
	if n := s.w.recordCount(); n != records {
		s.errorf("an explanation left %d records", n-records)
	}
	if n := s.w.originCalls(); n != calls && !fetch {
		s.errorf("an explanation asked the origin")
	}
	s.explained = s.textOf(e)
}

// explainID explains the last viewer's request by its X-Amz-Cf-Id.
func (s *script) explainID([]string) {
	s.last.v.mu.Lock()
	id := s.last.v.header.Get("X-Amz-Cf-Id")
	s.last.v.mu.Unlock()
	r, headers, ok := s.w.recent.Find(id, time.Now())
	if !ok {
		s.errorf("request %q is not kept", id)
		return
	}
	facts := account.Recorded(r)
	account.Blame(facts, r, s.w.invalidated)
	rq, without, ok := account.Replay(r, headers)
	if !ok {
		s.fatalf("request %q cannot be made again", id)
	}
	s.explained = ""
	var fields []string
	for _, h := range rq.Headers {
		fields = append(fields, h[0], h[1])
	}
	_, target, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(rq.URL, "https://"), "http://"), "/")
	again := request(rq.Method+" /"+target, fields...)
	again.Host = r.Request.Host
	e := s.w.edge.Explain(context.Background(), again, AskNobody)
	e.Recorded, e.Without = facts, without
	s.explained = s.textOf(e)
}

func (s *script) textOf(e *explain.Explanation) string {
	var b strings.Builder
	if err := e.Text(&b); err != nil {
		s.fatalf("%v", err)
	}
	return b.String()
}

// function reads the section function: a CloudFront function, runtime 2.0, for
// viewer requests of the default behavior.
func (s *script) function(code string) {
	if code == "" {
		return
	}
	set, err := edgefunc.Compile([]*model.EdgeFunction{{LogicalID: "F", Name: "front", ARN: "arn:f", Runtime: "cloudfront-js-2.0", Code: code}}, nil, edgefunc.Options{})
	if err != nil {
		s.fatalf("function: %v", err)
	}
	s.w.fn = func(arn string) (Function, error) {
		f, _ := set.Function(arn)
		return f, nil
	}
	b := s.w.behavior()
	b.Functions = append(b.Functions, model.FunctionAssociation{Event: model.ViewerRequest, ARN: "arn:f"})
}

// says checks a line of the last explanation, its white space made single
// blanks.
func (s *script) says(a []string) { s.said(a, true) }

func (s *script) saysNot(a []string) { s.said(a, false) }

func (s *script) said(a []string, want bool) {
	text := strings.Join(strings.Fields(s.explained), " ")
	if strings.Contains(text, strings.Join(a, " ")) != want {
		s.errorf("explanation (want %v: %q):\n%s", want, strings.Join(a, " "), s.explained)
	}
}
