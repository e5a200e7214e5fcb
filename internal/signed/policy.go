// SPDX-License-Identifier: Apache-2.0

package signed

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/policy"
)

// terms are a statement that was read.
type terms struct {
	resource string // "": any
	exact    bool   // of a canned policy: no wildcards
	before   time.Time
	after    time.Time // zero: at once
	from     netip.Prefix
}

// maxPolicy bounds a statement: a URL has 8,192 bytes at most.
const maxPolicy = 8192

// statement is what was signed, and what it says.
func (c *Credentials) statement(url string) (text []byte, p terms, ok bool) {
	if c.policy == "" {
		seconds, err := strconv.ParseInt(c.expires, 10, 64)
		if err != nil || seconds < 0 {
			return nil, p, false
		}
		text = append(text, `{"Statement":[{"Resource":"`...)
		text = append(text, url...)
		text = append(text, `","Condition":{"DateLessThan":{"AWS:EpochTime":`...)
		text = append(append(text, c.expires...), `}}}]}`...)
		return text, terms{resource: url, exact: true, before: time.Unix(seconds, 0)}, true
	}
	if len(c.policy) > maxPolicy {
		return nil, p, false
	}
	text, err := decode(c.policy)
	if err != nil {
		return nil, p, false
	}
	p, err = parse(text)
	return text, p, err == nil
}

var errPolicy = errors.New("signed: malformed policy")

// parse reads a custom policy: one statement, nothing twice, nothing unknown.
func parse(text []byte) (p terms, err error) {
	var doc struct {
		Statement []struct {
			Resource  *string
			Condition struct {
				DateLessThan, DateGreaterThan *epoch
				IPAddress                     *struct {
					SourceIP string `json:"AWS:SourceIp"`
				} `json:"IpAddress"`
			}
		}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return p, errPolicy
	}
	if _, err := d.Token(); err != io.EOF || len(doc.Statement) != 1 || !once(text) { //nolint:errorlint // as json.Decoder says
		return p, errPolicy
	}
	s := doc.Statement[0]
	if s.Condition.DateLessThan == nil || s.Condition.DateLessThan.Seconds == nil {
		return p, errPolicy
	}
	p.before = time.Unix(*s.Condition.DateLessThan.Seconds, 0)
	if g := s.Condition.DateGreaterThan; g != nil {
		if g.Seconds == nil {
			return p, errPolicy
		}
		p.after = time.Unix(*g.Seconds, 0)
	}
	if s.Resource != nil {
		p.resource = *s.Resource
		if p.resource == "" {
			return p, errPolicy
		}
	}
	if a := s.Condition.IPAddress; a != nil {
		if p.from, err = prefix(a.SourceIP); err != nil {
			return p, errPolicy
		}
	}
	return p, nil
}

type epoch struct {
	Seconds *int64 `json:"AWS:EpochTime"`
}

func prefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// once tells whether no object of a JSON text has a member twice, and none but
// for its letters' case: what we read could differ from what the signer meant.
func once(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	var open []map[string]bool // of objects; nil for arrays
	name := false              // a member's name is next
	for {
		t, err := d.Token()
		if err != nil {
			return err == io.EOF //nolint:errorlint // as json.Decoder says
		}
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{':
				open, name = append(open, map[string]bool{}), true
			case '[':
				open, name = append(open, nil), false
			default:
				open = open[:len(open)-1]
				name = len(open) > 0 && open[len(open)-1] != nil
			}
			continue
		case string:
			if name {
				seen := open[len(open)-1]
				if key := strings.ToLower(t); seen[key] {
					return false
				} else {
					seen[key] = true
				}
				name = false
				continue
			}
		}
		name = len(open) > 0 && open[len(open)-1] != nil
	}
}

// judge compares a statement whose signature is right with the request.
func (p *terms) judge(rq *Request) Denial {
	switch {
	case !rq.Now.Before(p.before):
		return Expired
	case !p.after.IsZero() && !rq.Now.After(p.after):
		return NotYet
	case p.from.IsValid() && !p.from.Contains(rq.Addr.Unmap()):
		return WrongAddress
	case p.resource == "" || p.exact && p.resource == rq.URL:
		return Passed
	case !p.exact && matchResource(p.resource, rq.URL):
		return Passed
	}
	return WrongResource
}

// matchResource compares a Resource with a URL: * is any run of characters, ?
// is one. A wildcard before the path stays before it: https://*.example.com/a
// does not match https://other.test/.example.com/a. A star at the very end
// stands for all that follows.
func matchResource(pattern, url string) bool {
	if pattern == "*" {
		return true
	}
	patternSite, patternPath := cutSite(pattern)
	site, path := cutSite(url)
	if patternPath == "" && strings.HasSuffix(patternSite, "*") {
		return policy.Glob(patternSite, site)
	}
	return policy.Glob(patternSite, site) && policy.Glob(patternPath, path)
}

// cutSite cuts a URL or a Resource before its path.
func cutSite(s string) (site, path string) {
	from := 0
	if i := strings.Index(s, "://"); i >= 0 {
		from = i + len("://")
	}
	if i := strings.IndexByte(s[from:], '/'); i >= 0 {
		return s[:from+i], s[from+i:]
	}
	return s, ""
}
