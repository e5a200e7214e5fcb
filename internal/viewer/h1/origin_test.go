// SPDX-License-Identifier: Apache-2.0

package h1_test

// Every vector once more, end to end: a viewer's bytes go through a listener,
// an edge that forwards all it may, and the client of origins, to an origin
// that records bytes and reads them with a reader of its own. What was refused
// must not have reached it; what was let through must be one message, exactly
// as meant, with nothing before, between or behind.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/viewer"
	"github.com/forelane/forelane/internal/viewer/engine"
	"github.com/forelane/forelane/internal/viewer/h1"
)

// recorder is an origin that keeps what it is sent.
type recorder struct {
	ln   net.Listener
	mu   sync.Mutex
	got  []string // one line a message: see line
	cut  int      // messages whose body broke off
	odd  []string // bytes that are no message
	busy sync.WaitGroup
}

func (o *recorder) take() (got, odd []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	got, odd = o.got, o.odd
	o.got, o.odd = nil, nil
	return got, odd
}

func (o *recorder) serve() {
	for {
		c, err := o.ln.Accept()
		if err != nil {
			return
		}
		o.busy.Go(func() {
			defer c.Close()
			o.read(c)
		})
	}
}

// read takes messages to the end of a connection, strictly.
func (o *recorder) read(c net.Conn) {
	r := bufio.NewReaderSize(c, 64<<10)
	for {
		var lines []string
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				if len(lines) > 0 || line != "" {
					o.note(func() { o.odd = append(o.odd, fmt.Sprintf("%q and %q", lines, line)) })
				}
				return
			}
			if line == "\r\n" {
				break
			}
			lines = append(lines, strings.TrimSuffix(line, "\r\n"))
		}
		body, whole, bad := o.body(r, lines)
		switch {
		case bad != "":
			o.note(func() { o.odd = append(o.odd, bad) })
			return
		case !whole:
			o.note(func() { o.cut++ })
			return
		}
		o.note(func() { o.got = append(o.got, line(lines, body)) })
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

func (o *recorder) note(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

var framing = regexp.MustCompile(`(?i)^(content-length|transfer-encoding): (.*)$`)

// body reads a body as its one framing field says.
func (o *recorder) body(r *bufio.Reader, lines []string) (body []byte, whole bool, bad string) {
	var field []string
	for _, l := range lines[1:] {
		if m := framing.FindStringSubmatch(l); m != nil {
			if field != nil {
				return nil, false, fmt.Sprintf("framed twice: %q", lines)
			}
			field = m
		}
	}
	switch {
	case field == nil:
		return nil, true, ""
	case !strings.EqualFold(field[1], "content-length"):
		if field[2] != "chunked" {
			return nil, false, fmt.Sprintf("coding %q", field[2])
		}
		return chunks(r)
	}
	n, err := strconv.Atoi(field[2])
	if err != nil {
		return nil, false, "length " + field[2]
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return body, err == nil, ""
}

func chunks(r *bufio.Reader) (body []byte, whole bool, bad string) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, false, ""
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(line, "\r\n"), 16, 20)
		if err != nil {
			return nil, false, fmt.Sprintf("chunk %q", line)
		}
		p := make([]byte, n+2)
		if _, err := io.ReadFull(r, p); err != nil {
			return nil, false, ""
		}
		if string(p[n:]) != "\r\n" { // of the last one: no trailers
			return nil, false, fmt.Sprintf("chunk ends in %q", p[n:])
		}
		if body = append(body, p[:n]...); n == 0 {
			return body, true, ""
		}
	}
}

// added are the fields that the edge writes.
var added = regexp.MustCompile(`(?i)^(host|user-agent|via|x-amz-cf-id|x-forwarded-for|content-length|transfer-encoding): [ -~]+$`)

// line is a message as dump (vectors_test.go) tells it, the fields in lower
// case and sorted, for the client of origins keeps neither case nor order of
// names.
func line(lines []string, body []byte) string {
	method, rest, _ := strings.Cut(lines[0], " ")
	target, ok := strings.CutSuffix(rest, " HTTP/1.1")
	if !ok {
		return fmt.Sprintf("request line %q", lines[0])
	}
	host := ""
	var fields []string
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ": ")
		switch {
		case !ok:
			return fmt.Sprintf("field %q", l)
		case strings.EqualFold(name, "Host"):
			host += value
		case !added.MatchString(l):
			fields = append(fields, "{"+strings.ToLower(name)+": "+value+"}")
		}
	}
	return message(method, host, target, fields, string(body))
}

func message(method, host, target string, fields []string, body string) string {
	slices.SortStableFunc(fields, func(a, b string) int {
		return strings.Compare(a[:strings.IndexByte(a, ':')], b[:strings.IndexByte(b, ':')])
	})
	return fmt.Sprintf("%s %s %s %s %q", method, host, target, strings.Join(fields, ""), body)
}

var (
	wanted = regexp.MustCompile(`(?s)^(\S+) (\S*) (\S+)( 1\.0)?(?: (\{.*\}))?(?: ("(?:[^"\\]|\\.)*"))?( !.*)?$`)
	pair   = regexp.MustCompile(`(?s)\{([^:{}]+): ([^{}]*)\}`)
	hop    = regexp.MustCompile(`(?i)^(connection|expect|proxy-connection|upgrade|http2-settings)$`)
)

// expected is what becomes of a request that the engine lets through: the
// message that the origin gets, "" for none; the status of the answer.
func expected(t *testing.T, want, origin string) (msg, method string, status int, broken bool) {
	t.Helper()
	m := wanted.FindStringSubmatch(want)
	if m == nil {
		t.Fatalf("%q is no request", want)
	}
	method = m[1]
	body := ""
	if m[6] != "" {
		var err error
		if body, err = strconv.Unquote(m[6]); err != nil {
			t.Fatal(err)
		}
	}
	switch {
	case m[7] != "":
		return "", method, 400, true
	case !slices.Contains(methods, method), method == "GET" && m[6] != "":
		return "", method, 403, false
	case len(m[3]) > 8192:
		return "", method, 413, false
	}
	var fields []string
	for _, f := range pair.FindAllStringSubmatch(m[5], -1) {
		if !hop.MatchString(f[1]) {
			fields = append(fields, "{"+strings.ToLower(f[1])+": "+f[2]+"}")
		}
	}
	host := m[2]
	if host == "" { // HTTP/1.0 knows requests without; the origin has a name
		host = origin
	}
	return message(method, host, m[3], fields, body), method, 200, false
}

var methods = []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}

// bench is an edge between a listener and a recorder.
func bench(t *testing.T) (addr string, o *recorder) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o = &recorder{ln: ln}
	o.busy.Go(o.serve)
	all := model.Selection{Mode: model.SelectAllViewer}
	m := &model.Origin{ID: "o", DomainName: "127.0.0.1", HTTPPort: ln.Addr().(*net.TCPAddr).Port, Attempts: 1}
	tr := origin.New(m, origin.Options{})
	e, err := edge.Compile(&model.Stack{Name: "test", Distributions: []*model.Distribution{{
		LogicalID: "Dist", ID: "E1TEST", Enabled: true, Origins: []*model.Origin{m},
		Behaviors: []*model.Behavior{{
			PathPattern: "*", Target: "o", Allowed: methods, Cached: []string{"GET", "HEAD"}, Cache: &model.CachePolicy{},
			OriginRequest: &model.OriginRequestPolicy{Headers: all, Queries: model.Selection{Mode: model.SelectAll}, Cookies: model.Selection{Mode: model.SelectAll}},
		}},
	}}}, edge.Deps{Transport: func(*model.Distribution, *model.Origin) (http.RoundTripper, error) { return tr, nil }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := viewer.Listen(t.Context(), "127.0.0.1:0", func(ctx context.Context, rq *httpmsg.Request, w viewer.Writer, inline bool) func() {
		if inline {
			return e.Begin(ctx, rq, w)
		}
		e.Serve(ctx, rq, w)
		return nil
	}, viewer.Options{Limits: engine.Defaults()})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve() })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Close(ctx)
		serving.Wait()
		tr.CloseIdleConnections()
		_ = ln.Close()
		o.busy.Wait()
	})
	return s.Addr().String(), o
}

func TestVectorsReachTheOriginAsMeant(t *testing.T) {
	all := h1.Vectors()
	const workers = 4
	for i := range workers {
		t.Run(fmt.Sprint("part ", i), func(t *testing.T) {
			t.Parallel()
			addr, o := bench(t)
			broke := 0
			for j := i; j < len(all); j += workers {
				broke += through(t, addr, o, all[j])
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.cut > broke {
				t.Errorf("%d messages were cut, but only %d bodies were broken", o.cut, broke)
			}
		})
	}
}

// through sends one vector and compares what came of it on both sides. broke is
// how many bodies it has that the origin may see the beginning of.
func through(t *testing.T, addr string, o *recorder, v h1.Vector) (broke int) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(c, v.In) // a refusal may come before the end
	}()
	defer func() { <-sent }()
	r := bufio.NewReader(c)
	var messages []string
	for _, want := range v.Want {
		msg, method, status, broken := "", "GET", 0, false
		if strings.ContainsAny(want, " ") {
			msg, method, status, broken = expected(t, want, "127.0.0.1")
		}
		if strings.HasSuffix(want, "!body-cut") { // the viewer has to leave for that
			<-sent
			_ = c.Close()
			broke++
			break
		}
		rs, err := final(r, method)
		if err != nil {
			t.Errorf("%s: %q: no answer: %v", v.Name, want, err)
			return broke
		}
		switch {
		case status != 0 && rs.StatusCode != status, status == 0 && rs.StatusCode < 400:
			t.Errorf("%s: %q: answered with %d, want %d", v.Name, want, rs.StatusCode, status)
		case msg != "":
			messages = append(messages, msg)
		case broken:
			broke++
		}
	}
	if got, odd := o.take(); !slices.Equal(got, messages) || len(odd) > 0 {
		t.Errorf("%s: the origin got\n%q (and %q), want\n%q", v.Name, got, odd, messages)
	}
	return broke
}

// final reads an answer that is no interim one.
func final(r *bufio.Reader, method string) (*http.Response, error) {
	for {
		rs, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(rs.Body); err != nil {
			return nil, err
		}
		if rs.StatusCode >= 200 {
			return rs, nil
		}
	}
}
