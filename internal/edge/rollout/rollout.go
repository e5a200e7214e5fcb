// SPDX-License-Identifier: Apache-2.0

// Package rollout is the choice of continuous deployment (row E9): whether a
// primary distribution hands a request to its staging distribution.
//
// The flow: by header, a request with exactly that value is staging's (Marked).
// By weight each request is chosen at random (Draw); with sessions the choice is
// kept in a cookie: Cut takes it off the viewer's cookies, Continue goes on with
// it or chooses anew, and AppendCookie writes it where that is due.
//
//	CloudFront-CD=staging.946684800.946684950
//	              side    began     last seen, seconds
//
// The cookie ends when the viewer was away for IdleTTL, or MaximumTTL after the
// session began; then the viewer is chosen for anew. It is written again when a
// tenth of IdleTTL has passed. Neither origins nor keys see it. It is not
// signed: what it could gain, asking without it gains too.
//
// What it does not do: it knows no distributions, and writes to no request.
package rollout

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
)

// cookie is the name of the session's cookie; AWS does not tell its own.
const cookie = "CloudFront-CD"

// Session is what the cookie says.
type Session struct {
	Staging     bool
	began, seen int64         // Unix seconds
	idle        time.Duration // how long the cookie lasts; 0: there is none to write
}

// Due tells whether the cookie is to be written.
func (s Session) Due() bool { return s.idle > 0 }

// Marked tells whether a request is staging's by p's header.
func Marked(p *model.ContinuousDeployment, h *httpmsg.Header) bool {
	v, ok := h.Lookup(p.Header)
	return ok && v == p.Value
}

// Draw chooses at random, by p's weight.
func Draw(p *model.ContinuousDeployment) (staging bool) { return rand.Float64() < p.Weight }

// Continue goes on with the session s, if there is one that is not over, or
// begins one.
func Continue(p *model.ContinuousDeployment, s Session, there bool, at time.Time) Session {
	now := at.Unix()
	if !there || s.over(p, now) {
		s = Session{Staging: Draw(p), began: now}
	}
	if s.seen == 0 || now-s.seen >= int64(p.Idle/time.Second)/10 {
		s.seen, s.idle = now, p.Idle
	}
	return s
}

func (s Session) over(p *model.ContinuousDeployment, now int64) bool {
	return now-s.seen >= int64(p.Idle/time.Second) || now-s.began >= int64(p.Max/time.Second) ||
		s.seen > now || s.began > s.seen
}

func parse(v string) (s Session, ok bool) {
	side, rest, _ := strings.Cut(v, ".")
	began, seen, ok := strings.Cut(rest, ".")
	s.Staging = side == "staging"
	var err, err2 error
	s.began, err = strconv.ParseInt(began, 10, 64)
	s.seen, err2 = strconv.ParseInt(seen, 10, 64)
	return s, ok && err == nil && err2 == nil && (s.Staging || side == "primary")
}

// Within tells whether cookies may have one of a session.
func Within(cookies string) bool { return strings.Contains(cookies, cookie) }

// Cut appends the viewer's cookies to b without that of the session, which is
// read.
func Cut(b []byte, cookies string) (rest []byte, s Session, ok bool) {
	at := len(b)
	for name, value, rest, more := httpspec.NextCookie(cookies); more; name, value, rest, more = httpspec.NextCookie(rest) {
		if name == cookie {
			s, ok = parse(value)
			continue
		}
		if len(b) > at {
			b = append(b, "; "...)
		}
		if name != "" {
			b = append(append(b, name...), '=')
		}
		b = append(b, value...)
	}
	return b, s, ok
}

// AppendCookie appends the value of Set-Cookie.
func (s Session) AppendCookie(b []byte, secure bool) []byte {
	side := "=primary."
	if s.Staging {
		side = "=staging."
	}
	b = append(append(b, cookie...), side...)
	b = strconv.AppendInt(b, s.began, 10)
	b = strconv.AppendInt(append(b, '.'), s.seen, 10)
	b = strconv.AppendInt(append(b, "; Path=/; Max-Age="...), int64(s.idle/time.Second), 10)
	b = append(b, "; HttpOnly; SameSite=Lax"...)
	if secure {
		b = append(b, "; Secure"...)
	}
	return b
}
