// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// A probe asks the origin for the same URL as different viewers, and with inputs
// that attackers use, and compares: under one cache key there must be one answer.
// Nothing is stored by it.

// Ask explains a request, with its answer asked anew.
type Ask func(Request) (*Explanation, error)

// Viewer is one who asks.
type Viewer struct {
	Name    string
	Headers [][2]string
	Address string
}

// FindingKind is what a probe found.
type FindingKind uint8

// The kinds.
const (
	FindingIdentity   FindingKind = iota // two viewers, one key, two bodies
	FindingReflection                    // a header that the key lacks comes back in the answer
	FindingDeception                     // a private page is stored under a public looking path
)

// String is a word for reports.
func (k FindingKind) String() string {
	return [...]string{"identity", "reflection", "deception"}[k]
}

// Finding is one danger.
type Finding struct {
	Kind   string `json:"kind"`
	URL    string `json:"url"`
	Detail string `json:"detail"`
}

// Report is what a probe did and found.
type Report struct {
	Asked    int       `json:"asked"`   // requests to origins
	Cached   int       `json:"cached"`  // URLs whose answer would be stored
	Volatile []string  `json:"changes"` // URLs whose body differs from one request to the next
	Findings []Finding `json:"findings"`
}

// prober walks URLs.
type prober struct {
	ask     Ask
	viewers []Viewer
	report  Report
}

// Probe asks for urls as each viewer. The first error ends it.
func Probe(ask Ask, urls []string, viewers []Viewer) (*Report, error) {
	p := &prober{ask: ask, viewers: viewers}
	for _, u := range urls {
		if err := p.url(u); err != nil {
			return nil, fmt.Errorf("%s: %w", u, err)
		}
	}
	return &p.report, nil
}

func (p *prober) get(url string, v Viewer, more ...[2]string) (*Explanation, error) {
	p.report.Asked++
	return p.ask(Request{URL: url, Headers: slices.Concat(v.Headers, more), Address: v.Address, Fetch: true, Anew: true})
}

func (p *prober) url(url string) error {
	var seen []*Explanation
	for _, v := range p.viewers {
		e, err := p.get(url, v)
		if err != nil {
			return err
		}
		seen = append(seen, e)
	}
	again, err := p.get(url, p.viewers[0])
	if err != nil {
		return err
	}
	steady := again.Answer.Digest == seen[0].Answer.Digest
	if slices.ContainsFunc(seen, func(e *Explanation) bool { return e.Answer.Stored }) {
		p.report.Cached++
		if !steady {
			p.report.Volatile = append(p.report.Volatile, url)
		} else {
			p.compare(url, seen)
		}
		if err := p.reflect(url, seen[0]); err != nil {
			return err
		}
	}
	return p.deceive(url, seen)
}

// compare looks for two viewers with one key and two answers.
func (p *prober) compare(url string, seen []*Explanation) {
	for i, a := range seen {
		for j := i + 1; j < len(seen); j++ {
			b := seen[j]
			if len(a.Key) == 0 || len(Diff(a.Key, b.Key)) > 0 || a.Answer.Digest == b.Answer.Digest {
				continue
			}
			if a.Answer.Stored || b.Answer.Stored {
				p.find(FindingIdentity, url, fmt.Sprintf("%s and %s get different answers under one cache key", p.viewers[i].Name, p.viewers[j].Name))
			}
		}
	}
}

// mark is a value that no origin sends by itself.
const mark = "forelane-probe-7f3a"

// suspects are headers by which caches get poisoned.
var suspects = [...][2]string{
	{"X-Forwarded-Host", mark + ".example"},
	{"X-Host", mark + ".example"},
	{"X-Forwarded-Server", mark + ".example"},
	{"X-Original-URL", "/" + mark},
	{"X-Rewrite-URL", "/" + mark},
	{"X-Forwarded-Scheme", mark},
	{"Forwarded", "host=" + mark + ".example"},
	{"Origin", "https://" + mark + ".example"},
	{"Referer", "https://" + mark + ".example/"},
	{"User-Agent", mark},
	{"Accept-Language", mark},
}

// reflect looks for a header that comes back in an answer that is stored under
// a key without it.
func (p *prober) reflect(url string, plain *Explanation) error {
	for _, s := range suspects {
		e, err := p.get(url, p.viewers[0], s)
		if err != nil {
			return err
		}
		if !e.Answer.Stored || len(Diff(plain.Key, e.Key)) > 0 {
			continue
		}
		if where := reflected(e); where != "" {
			p.find(FindingReflection, url, fmt.Sprintf("%s comes back in %s, and the key lacks it: whoever sends it first decides what all get", s[0], where))
		}
	}
	return nil
}

func reflected(e *Explanation) string {
	for _, h := range e.Answer.Headers {
		if strings.Contains(h[1], mark) {
			return "the header " + h[0]
		}
	}
	if bytes.Contains(e.Answer.Body, []byte(mark)) {
		return "the body"
	}
	return ""
}

// disguises are paths that caches take for static files and origins for the page
// before them.
var disguises = [...]string{"/x.css", ".css", ";x.css", "%2Fx.css", "%3Fx.css", "/..%2Fx.css"}

// deceive looks for a page of one viewer that is stored when its path is
// disguised.
func (p *prober) deceive(url string, seen []*Explanation) error {
	path, query, _ := strings.Cut(url, "?")
	if query != "" || strings.HasSuffix(path, "/") {
		return nil
	}
	for i, v := range p.viewers {
		if seen[i].Answer.Stored || seen[i].Answer.Status != 200 || len(v.Headers) == 0 {
			continue // only what is one viewer's, and is not stored by itself
		}
		for _, d := range disguises {
			e, err := p.get(path+d, v)
			if err != nil {
				return err
			}
			if e.Answer.Stored && e.Answer.Status == 200 && e.Answer.Digest == seen[i].Answer.Digest {
				p.find(FindingDeception, url, fmt.Sprintf("%s%s gives the same page of %s, and is stored for all", path, d, v.Name))
			}
		}
	}
	return nil
}

func (p *prober) find(k FindingKind, url, detail string) {
	p.report.Findings = append(p.report.Findings, Finding{k.String(), url, detail})
}
