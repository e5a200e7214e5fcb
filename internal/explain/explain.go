// SPDX-License-Identifier: Apache-2.0

// Package explain is the answer to "why was that a miss": what an edge decides
// about one request, hop by hop, as facts and as a text.
//
// The flow: (1) the edge walks its step table in a dry mode and fills an
// Explanation; (2) the admin side sends it as JSON; (3) the command line prints
// it (Explanation.Text) or what two of them differ in (Diff).
//
// What it does not do: it decides nothing and knows no rule. It imports the
// standard library only.
//
// Concurrency: an Explanation belongs to one goroutine.
package explain

import (
	"errors"
	"time"
)

// Request is what is to be explained.
type Request struct {
	Method string `json:"method,omitempty"` // empty: GET
	URL    string `json:"url"`              // http://host/path?query
	// ID asks about a request that was, by its X-Amz-Cf-Id, in place of the rest.
	ID      string      `json:"id,omitempty"`
	Headers [][2]string `json:"headers,omitempty"`
	// Address is the viewer's; empty: 127.0.0.1.
	Address string `json:"address,omitempty"`
	// Fetch lets the origin be asked where the cache has nothing: functions run,
	// nothing is stored. False: the explanation ends before the origin.
	Fetch bool `json:"fetch,omitempty"`
	// Anew asks the origin also where the cache has an answer. It implies Fetch.
	Anew bool `json:"anew,omitempty"`
}

// Explanation says why one request gets the answer that it gets. What a request
// does not reach is empty.
type Explanation struct {
	Method string    `json:"method"`
	URL    string    `json:"url"`
	At     time.Time `json:"at"`

	Distribution Distribution `json:"distribution"`
	Shield       *Shield      `json:"webAcl,omitempty"`
	// Tried are the behaviors in their order, up to the one that matches.
	Tried    []Behavior `json:"behaviors,omitempty"`
	Function []Function `json:"functions,omitempty"`
	// Key is the cache key, part by part, in its order.
	Key []Part `json:"key,omitempty"`
	// Unkeyed is what of the request is not in the key.
	Unkeyed []Unkeyed `json:"unkeyed,omitempty"`
	Cache   *Cache    `json:"cache,omitempty"`
	Origin  *Origin   `json:"origin,omitempty"`
	// Lifetime is that of the answer that the origin gave just now.
	Lifetime []Line   `json:"lifetime,omitempty"`
	Response []string `json:"response,omitempty"`
	Answer   Answer   `json:"answer"`
	Wishes   []string `json:"whatWouldHaveMadeItAHit,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Recorded is what did happen, where a request was asked about by its id: all
	// else is what would happen now, without the values that Without names.
	Recorded *Recorded `json:"recorded,omitempty"`
	Without  []string  `json:"without,omitempty"`
	// Steps are the rows of the step table that the request went through.
	Steps []string `json:"steps,omitempty"`
}

// ErrNotKept says that nothing is known of the request with an id.
var ErrNotKept = errors.New("nothing is known of a request with this id")

// Recorded is what did happen to a request, as the node kept it: facts only.
// Values of cookies, Authorization and the like are digests.
type Recorded struct {
	ID         string        `json:"id"`
	At         time.Time     `json:"at"`
	Viewer     string        `json:"viewer"`
	Protocol   string        `json:"protocol"`
	TLS        string        `json:"tls,omitempty"`
	Background bool          `json:"background,omitempty"` // a refresh without a viewer
	Result     string        `json:"result"`
	Detail     string        `json:"detail,omitempty"`
	End        string        `json:"end"`
	FirstByte  time.Duration `json:"firstByte"` // nanoseconds
	Total      time.Duration `json:"total"`     // nanoseconds
	Bytes      int64         `json:"bytes"`
	Facts      Explanation   `json:"facts"`
}

// Distribution is whose request it is.
type Distribution struct {
	ID        string `json:"id,omitempty"`
	LogicalID string `json:"logicalId,omitempty"`
	Why       string `json:"why"`
}

// Shield is what the web ACL says. Nothing is counted by rate rules.
type Shield struct {
	ACL     string   `json:"acl"`
	Action  string   `json:"action"`
	Rule    string   `json:"rule"`
	Inner   string   `json:"ruleOfGroup,omitempty"`
	Labels  []string `json:"labels,omitempty"`
	Counted []string `json:"counted,omitempty"`
}

// Behavior is one behavior that was tried.
type Behavior struct {
	Pattern string `json:"pathPattern"`
	Matches bool   `json:"matches"`
	Policy  string `json:"cachePolicy,omitempty"` // of the one that matches
	Target  string `json:"target,omitempty"`
}

// Function is a run of an edge function, and what it changed.
type Function struct {
	Event   string        `json:"event"`
	Name    string        `json:"name"`
	Changes []string      `json:"changes,omitempty"`
	Took    time.Duration `json:"took,omitempty"` // nanoseconds; of a recorded one
	Error   string        `json:"error,omitempty"`
}

// Part is one part of a cache key, with where it came from.
type Part struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
}

// Unkeyed is a part of the request that the key lacks. Forwarded tells that the
// origin sees it all the same, so that its answer may depend on it.
type Unkeyed struct {
	Name      string `json:"name"`
	Forwarded bool   `json:"forwarded"`
}

// Cache is what the lookup finds.
type Cache struct {
	Status string        `json:"status"`
	Why    string        `json:"why"`
	Age    time.Duration `json:"age,omitempty"` // nanoseconds
	TTL    time.Duration `json:"ttl,omitempty"` // nanoseconds
	// Lifetime is how the lifetime of what is stored came about.
	Lifetime []Line `json:"lifetime,omitempty"`
	// Near are keys of the same path under which something is stored.
	Near []Near `json:"near,omitempty"`
}

// Near is a stored key of the same path, and how it differs.
type Near struct {
	Key     string       `json:"key"`
	Differs []Difference `json:"differs"`
}

// Line is one line of the TTL arithmetic; Rule is its row of docs/fidelity.md.
type Line struct {
	Text string `json:"text"`
	Rule string `json:"rule,omitempty"`
}

// Origin is who would be asked, and with what.
type Origin struct {
	ID        string        `json:"id"`
	Host      string        `json:"host"`
	Why       string        `json:"why"`
	Request   string        `json:"request,omitempty"` // method and target
	Forwarded [][2]string   `json:"forwarded,omitempty"`
	Dropped   []string      `json:"dropped,omitempty"`
	Asked     bool          `json:"asked"`
	Status    int           `json:"status,omitempty"`
	Tries     int           `json:"tries,omitempty"`
	Took      time.Duration `json:"took,omitempty"` // nanoseconds
	Error     string        `json:"error,omitempty"`
}

// Answer is what the viewer gets.
type Answer struct {
	Status int    `json:"status,omitempty"` // 0: the origin's, which was not asked
	XCache string `json:"xCache,omitempty"`
	By     string `json:"by"`
	// Stored tells that the origin's answer would be stored for others.
	Stored bool `json:"stored,omitempty"`
	// Headers are those of the answer; Digest is the SHA-256 of the origin's body,
	// of which at most MaxBody bytes are read, and Body its beginning.
	Headers [][2]string `json:"headers,omitempty"`
	Digest  string      `json:"digest,omitempty"`
	Body    []byte      `json:"body,omitempty"`
}

// MaxBody bounds what is read of a body, MaxShown what is kept of it.
const (
	MaxBody  = 8 << 20
	MaxShown = 256 << 10
)

// Difference is a part in which two keys differ; an empty side lacks it.
type Difference struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Diff is in which parts of their keys two requests differ. Equal keys give
// nothing.
func Diff(a, b []Part) []Difference {
	var out []Difference
	used := make([]bool, len(b))
	for _, p := range a {
		q := -1
		for i := range b {
			if !used[i] && b[i].Name == p.Name {
				q = i
				break
			}
		}
		if q < 0 {
			out = append(out, Difference{p.Name, p.Value, ""})
			continue
		}
		used[q] = true
		if b[q].Value != p.Value {
			out = append(out, Difference{p.Name, p.Value, b[q].Value})
		}
	}
	for i, p := range b {
		if !used[i] {
			out = append(out, Difference{p.Name, "", p.Value})
		}
	}
	if len(out) == 0 && !sameOrder(a, b) {
		out = append(out, Difference{"order of query strings", queries(a), queries(b)})
	}
	return out
}

func sameOrder(a, b []Part) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name {
			return false
		}
	}
	return true
}

func queries(parts []Part) string {
	text := ""
	for _, p := range parts {
		if len(p.Name) > len(QueryPart) && p.Name[:len(QueryPart)] == QueryPart {
			if text != "" {
				text += ", "
			}
			text += p.Name[len(QueryPart):]
		}
	}
	return text
}

// Beginnings of the names of parts that stand for one parameter, header or cookie.
const (
	QueryPart  = "query "
	HeaderPart = "header "
	CookiePart = "cookie "
)
