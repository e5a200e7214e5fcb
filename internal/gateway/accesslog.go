// SPDX-License-Identifier: Apache-2.0

// Access logs of stages (row A25; Developer Guides, "Customize HTTP API access
// logs", "Variables for access logging for API Gateway"): a template with
// $context and $stageVariables references makes one line a request.
//
// What a request has no value for is "-". Values are escaped as in JSON strings,
// whatever the format is: a viewer's User-Agent can neither end a field nor
// begin a line. Line ends of the template become spaces. An API key is shown by
// its last six characters only.
//
// All but length and latency is known when the head of the answer is; where the
// body's length is not known beforehand, the line (and the Record) waits for the
// body's end.

package gateway

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
)

// maxLine is where a line is cut.
const maxLine = 256 << 10

// accessLog is a compiled format.
type accessLog struct {
	arn      string
	canary   string // where lines of the canary go
	parts    []accessPart
	endpoint string // of a REST API: EDGE, REGIONAL, PRIVATE
	webACL   string
}

// accessPart is a text, or a reference.
type accessPart struct {
	text string
	name string // "context.requestId"; empty: the text
}

// compileAccessLog is nil for a stage that keeps no log.
func compileAccessLog(m *model.API, ms *model.Stage) *accessLog {
	if ms.AccessFormat == "" {
		return nil
	}
	l := &accessLog{arn: strings.TrimSuffix(ms.AccessLogARN, ":*"), endpoint: m.Endpoint, webACL: ms.WebACL}
	l.canary = l.arn
	if strings.Contains(l.arn, ":log-group:") {
		l.canary += "/Canary"
	}
	rest := strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(strings.TrimRight(ms.AccessFormat, "\r\n"))
	for rest != "" {
		i := strings.IndexByte(rest, '$')
		if i < 0 {
			l.parts = append(l.parts, accessPart{text: rest})
			break
		}
		name, after, ok := cutReference(rest[i+1:])
		if !ok {
			l.parts, rest = append(l.parts, accessPart{text: rest[:i+1]}), rest[i+1:]
			continue
		}
		l.parts, rest = append(l.parts, accessPart{text: rest[:i]}, accessPart{name: name}), after
	}
	return l
}

// ending is what is known last of a request.
type ending struct {
	status  int // 0: the viewer left before there was one
	length  int64
	latency time.Duration
}

// line makes the line of an exchange; what is returned writes in the ending.
func (l *accessLog) line(x *exchange) func(ending) string {
	parts := make([]accessPart, len(l.parts))
	for i, p := range l.parts {
		switch p.name {
		case "":
			parts[i] = p
		case "context.status", "context.responseLength", "context.responseLatency":
			parts[i] = p
		default:
			parts[i].text = l.value(x, p.name)
		}
	}
	return func(e ending) string {
		var b strings.Builder
		for _, p := range parts {
			b.WriteString(p.text)
			switch p.name {
			case "context.status":
				b.WriteString(orDash(strconv.Itoa(e.status), e.status != 0))
			case "context.responseLength":
				b.WriteString(strconv.FormatInt(e.length, 10))
			case "context.responseLatency":
				b.WriteString(millis(e.latency))
			}
		}
		s := b.String()
		return strings.ToValidUTF8(s[:min(len(s), maxLine)], "")
	}
}

// value is a reference's, fit for a line.
func (l *accessLog) value(x *exchange, name string) string {
	if v, ok := strings.CutPrefix(name, "stageVariables."); ok {
		s, ok := x.call.Stage.Variables[v]
		return escaped(orDash(s, ok))
	}
	name = strings.TrimPrefix(name, "context.")
	v, ok := x.call.ContextVar(name)
	if known, has := l.own(x, name); has {
		v, ok = known, known != ""
	}
	if v = orDash(v, ok); name == "error.messageString" && v != "-" {
		return v // it has its quotes
	}
	return escaped(v)
}

// own are the variables that access logs alone have, or have otherwise.
func (l *accessLog) own(x *exchange, name string) (v string, ok bool) {
	switch name {
	case "endpointType":
		return l.endpoint, true
	case "webaclArn":
		return l.webACL, true
	case "identity.apiKey":
		v, _ := x.call.ContextVar(name)
		return masked(v), true
	}
	if rest, ok := strings.CutPrefix(name, "error."); ok {
		return x.errorValue(rest), true
	}
	if v, ok := x.phases.value(name); ok {
		return v, true
	}
	return x.integrationValue(name)
}

// errorValue is one of $context.error, of what the gateway itself refused.
func (x *exchange) errorValue(name string) string {
	if x.refused.reason == ReasonNone {
		return ""
	}
	w := restWire(x.refused.reason)
	switch {
	case x.call.API.Style == integration.HTTPAPI:
		w.message = httpWire(x.refused.reason).message
	case x.refused.message != "" && x.refused.reason != ReasonSignature: // which may show a token
		w.message = x.refused.message
	}
	if x.refused.reason == ReasonParameters {
		w.message += x.invalid
	}
	if name == "validationErrorString" {
		if x.refused.reason == ReasonBody {
			return x.invalid
		}
		return ""
	}
	v, _ := errorVar("error."+name, w)
	return v
}

// integrationValue is one of $context.integration, or one of its older names.
// The status of an integration is what its endpoint said: of a function, what
// Lambda said of the invocation (integrationStatus) and what the function said
// in a proxy answer (integration.status).
func (x *exchange) integrationValue(name string) (v string, ok bool) {
	c := &x.call
	switch name {
	case "integration.latency", "integrationLatency":
		if !x.asked {
			return "", true
		}
		return millis(x.integrationTime), true
	case "integration.integrationStatus", "integrationStatus":
		return number(c.EndpointStatus), true
	case "integration.status":
		if x.refused.reason == ReasonNone && x.asked {
			return number(x.backendStatus), true
		}
		return "", true
	case "integration.requestId", "awsEndpointRequestId":
		return c.EndpointID, true
	case "awsEndpointRequestId2":
		return c.EndpointID2, true
	case "integration.error", "integrationErrorMessage":
		if x.asked && x.refused.detail != nil {
			return x.refused.detail.Error(), true
		}
		return "", true
	}
	return "", false
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func orDash(s string, ok bool) string {
	if !ok || s == "" {
		return "-"
	}
	return s
}

// masked shows the end of a secret.
func masked(s string) string {
	const shown = 6
	switch {
	case s == "":
		return ""
	case len(s) <= 2*shown:
		return "******"
	}
	return "******" + s[len(s)-shown:]
}

// escaped writes a value so that it can stand in a JSON string and in a line.
func escaped(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' }) {
		return s
	}
	q := quote(s)
	return q[1 : len(q)-1]
}

// logged hands the record of a finished exchange over, now or when the body ends.
func (x *exchange) logged(r *Record, resp *http.Response, start time.Time, log func(*Record)) {
	l := x.accessLog()
	if l == nil {
		log(r)
		return
	}
	line := l.line(x)
	r.AccessLog = l.arn
	if x.call.Stage.Release == integration.Canary {
		r.AccessLog = l.canary
	}
	done := func(length int64) {
		r.Sent = length
		r.AccessLine = line(ending{r.Status, length, time.Since(start)})
		log(r)
	}
	switch {
	case resp == nil || resp.Body == http.NoBody:
		done(0)
	case resp.ContentLength >= 0:
		done(resp.ContentLength)
	default:
		resp.Body = &counted{ReadCloser: resp.Body, done: done}
	}
}

// accessLog is the log of the exchange's stage; nil: it has none.
func (x *exchange) accessLog() *accessLog {
	if x.stage == nil {
		return nil
	}
	return x.stage.access
}

// counted is a body of unknown length; done is told once how long it was.
type counted struct {
	io.ReadCloser
	once sync.Once
	n    atomic.Int64
	done func(int64)
}

// Read reads and counts.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	if err != nil {
		c.once.Do(func() { c.done(c.n.Load()) })
	}
	return n, err
}

// Close closes the body; what was not read by then did not reach the viewer.
func (c *counted) Close() error {
	err := c.ReadCloser.Close()
	c.once.Do(func() { c.done(c.n.Load()) })
	return err
}
