// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Options change what New makes. The zero Options are what is served with.
type Options struct {
	// Forget switches both memories off. The verdicts are the same.
	Forget bool
	// Settings replace settings of the rule set, such as allowed_methods.
	Settings map[string]string
}

// Engine runs the rules of some families.
type Engine struct {
	local, rest coraza.WAF
	points      map[int]int
	heads       *memory // nil: nothing is remembered
	elements    *memory
	toHeads     flights
	toElements  flights
	runs        atomic.Uint64 // transactions
	idle        sync.Pool     // *work
}

// Hit is a rule that matched at a place.
type Hit struct {
	Rule   int
	Points int // of the anomaly score
	Place  Place
}

// Result is what was found. Its memory is used again.
type Result struct{ Hits []Hit }

// Body is how much of a body is inspected at most.
const Body = 64 << 10

// parsing are the directives of every WAF: which bodies are taken apart how, and
// the bounds of that. A body of another type is read as a form, and as a whole.
const parsing = `
SecRuleEngine DetectionOnly
SecRequestBodyAccess On
SecRequestBodyLimit 131072
SecRequestBodyInMemoryLimit 131072
SecRequestBodyLimitAction ProcessPartial
SecRequestBodyJsonDepthLimit 64
SecResponseBodyAccess Off
SecAuditEngine Off
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application(?:/soap\+|/)|text/)xml" "id:1,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/(?:[a-z0-9.-]+[+])?json" "id:2,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_PROCESSOR "!@rx ^(?:URLENCODED|MULTIPART|XML|JSON)$" "id:4,phase:1,t:none,pass,nolog,ctl:forceRequestBodyVariable=On"
`

// New makes an Engine of families. It reads the rules that are part of this
// program, so that an error is a mistake of ours.
func New(families []Family, o Options) (*Engine, error) {
	all, err := readRules()
	if err != nil {
		return nil, err
	}
	set := settings(all)
	maps.Copy(set, o.Settings)
	want := map[Family]bool{}
	for _, f := range families {
		want[f] = true
	}
	local, rest := part(all, want, set)
	e := &Engine{points: map[int]int{}}
	for _, r := range slices.Concat(local, rest) {
		if r.level == 1 {
			e.points[r.id] = r.points
		}
	}
	if e.local, err = waf(local, set, false); err != nil {
		return nil, err
	}
	if e.rest, err = waf(rest, set, true); err != nil {
		return nil, errors.Join(err, closeWAF(e.local))
	}
	if !o.Forget {
		e.heads, e.elements = newMemory(headSets, maxHeadKey), newMemory(elementSets, maxElementKey)
	}
	return e, nil
}

// waf makes a WAF of rules, with the settings that they read.
func waf(rules []rule, set map[string]string, bodies bool) (coraza.WAF, error) {
	var b strings.Builder
	if bodies {
		b.WriteString(parsing)
	} else {
		b.WriteString("SecRuleEngine DetectionOnly\nSecRequestBodyAccess Off\nSecAuditEngine Off\n")
	}
	var text strings.Builder
	for i := range rules {
		text.WriteString(rules[i].text)
	}
	lower := strings.ToLower(text.String())
	var sets []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if strings.Contains(lower, "tx."+name) || strings.Contains(lower, "tx:"+name) {
			sets = append(sets, fmt.Sprintf("setvar:'tx.%s=%s'", name, set[name]))
		}
	}
	if sets != nil {
		fmt.Fprintf(&b, "SecAction \"id:3,phase:1,pass,nolog,%s\"\n", strings.Join(sets, ","))
	}
	b.WriteString(text.String())
	return coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(b.String()))
}

func closeWAF(w coraza.WAF) error {
	if c, ok := w.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Close gives back what the WAFs share in the process (compiled expressions).
func (e *Engine) Close() error { return errors.Join(closeWAF(e.local), closeWAF(e.rest)) }

// Screen finds what the rules say of a request, of whose body the first part is
// given. The error is one of ours or of Coraza's: nothing is known then.
func (e *Engine) Screen(rq *httpmsg.Request, body []byte, out *Result) error {
	out.Hits = out.Hits[:0]
	w, _ := e.idle.Get().(*work)
	if w == nil {
		w = new(work)
	}
	defer e.idle.Put(w)
	w.key = w.key[:0]
	if e.heads == nil || len(body) > 0 {
		return e.examine(w, rq, body, out)
	}
	w.key = appendHead(w.key, rq)
	if hits, ok := e.heads.lookup(w.key); ok {
		out.Hits = append(out.Hits, hits...)
		return nil
	}
	return e.screenHead(w, rq, out)
}

// screenHead examines a head that is new, unless another request is at it.
func (e *Engine) screenHead(w *work, rq *httpmsg.Request, out *Result) error {
	if len(w.key) <= e.heads.most {
		fl, own := e.toHeads.begin(w.key)
		if own {
			defer e.toHeads.end(fl)
		} else {
			<-fl.over
		}
		if hits, ok := e.heads.lookup(w.key); ok {
			out.Hits = append(out.Hits, hits...)
			return nil
		}
	}
	if err := e.examine(w, rq, nil, out); err != nil {
		return err
	}
	e.heads.store(w.key, out.Hits)
	return nil
}
