// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/http"
	"strings"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/model"
)

// functions are the CloudFront functions of a script, run by their own engine.
type functions struct {
	all    []*model.EdgeFunction
	stores []*model.KeyValueStore
	log    []string
}

// configFunction ties the code of a section to the default behavior.
func (s *script) configFunction(a []string) {
	name := a[1]
	f := &model.EdgeFunction{Name: name, ARN: "arn:aws:cloudfront::1:function/" + name, Runtime: "cloudfront-js-2.0", Code: s.text[name]}
	for _, kv := range a[2:] {
		switch k, v, _ := strings.Cut(kv, "="); k {
		case "runtime":
			f.Runtime = "cloudfront-js-" + v
		case "store":
			st := &model.KeyValueStore{ID: v, Name: v, ARN: "arn:aws:cloudfront::1:key-value-store/" + v}
			for line := range strings.Lines(s.text[v]) {
				key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
				st.Items = append(st.Items, model.KeyValue{Key: key, Value: value})
			}
			s.fns.stores, f.Stores = append(s.fns.stores, st), []string{st.ARN}
		default:
			s.fatalf("config: unknown key %q", k)
		}
	}
	event := map[string]model.EdgeEvent{"viewer-request": model.ViewerRequest, "viewer-response": model.ViewerResponse}[a[0]]
	b := s.w.behavior()
	b.Functions = append(b.Functions, model.FunctionAssociation{Event: event, ARN: f.ARN})
	s.fns.all = append(s.fns.all, f)
}

// compileFunctions gives the edge its functions. Origins that a function makes
// are the script's by the first label of their name.
func (s *script) compileFunctions() {
	if s.fns.all == nil {
		return
	}
	set, err := edgefunc.Compile(s.fns.all, s.fns.stores, edgefunc.Options{Machines: 1, Log: func(l edgefunc.Line) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		s.fns.log = append(s.fns.log, l.Text)
	}})
	if err != nil {
		s.fatalf("%v", err)
	}
	s.w.fn = func(arn string) (Function, error) {
		f, _ := set.Function(arn)
		return f, nil
	}
	s.w.made = func(o *model.Origin) Made {
		id := o.ID
		if o.Made.Foreign {
			id, _, _ = strings.Cut(o.DomainName, ".")
		}
		return Made{RoundTripper: roundTrip(func(rq *http.Request) (*http.Response, error) {
			return s.w.serveBy(rq, s.originNamed(id).roundTrip)
		})}
	}
}

// functionLog compares the last line that functions logged.
func (s *script) functionLog(a []string) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	got, want := "", strings.Join(a, " ")
	if n := len(s.fns.log); n > 0 {
		got = s.fns.log[n-1]
	}
	if !matches(got, want) {
		s.errorf("the function logged %.200q, want %q", got, want)
	}
}
