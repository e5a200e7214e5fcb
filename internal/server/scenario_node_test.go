// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/sigv4"
	"github.com/forelane/forelane/internal/template"
	"github.com/forelane/forelane/internal/viewer/localca"
)

// TestNodeScripts runs testdata/script/node_*.txtar: a whole node with its
// listeners, made from a template, between viewers and an origin on loopback.
// testdata/script/README-node.md has the language.
func TestNodeScripts(t *testing.T) {
	files, err := filepath.Glob("../../testdata/script/node_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	ca := newCA(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(data)
			n := &nodeScript{t: t, ca: ca, text: map[string]string{}, dir: t.TempDir()}
			for _, f := range a.Files {
				n.text[f.Name] = string(f.Data)
			}
			n.run(string(a.Comment))
		})
	}
}

// nodeScript is a running script.
type nodeScript struct {
	t       *testing.T
	ca      *localca.Authority
	dir     string
	text    map[string]string
	srv     *Server
	err     error // of the template
	plain   *httptest.Server
	secure  *httptest.Server
	refused bool // the script looks at err

	mu    sync.Mutex
	reply string
	down  bool
	calls []*http.Request
	certs []string // names on the certificates that origins were shown
	last  record.Record

	rs   *http.Response
	body string
}

// run starts what the sections describe and does the commands.
func (n *nodeScript) run(commands string) {
	n.plain = httptest.NewServer(http.HandlerFunc(n.answer))
	n.secure = httptest.NewUnstartedServer(http.HandlerFunc(n.answer))
	n.secure.TLS = &tls.Config{GetCertificate: n.ca.Certificates(func(string) bool { return true }), ClientAuth: tls.RequestClientCert}
	n.secure.StartTLS()
	n.t.Cleanup(n.plain.Close)
	n.t.Cleanup(n.secure.Close)
	n.t.Cleanup(n.secure.CloseClientConnections)
	n.t.Cleanup(n.plain.CloseClientConnections)
	n.start()
	for i, line := range strings.Split(commands, "\n") {
		a := fieldsOf(line)
		if len(a) == 0 {
			continue
		}
		if n.err != nil && a[0] != "refused" {
			n.t.Fatalf("template: %v", n.err)
		}
		if err := n.command(a[0], a[1:]); err != nil {
			n.t.Errorf("line %d: %s: %v", i+1, line, err)
		}
	}
	if n.err != nil && !n.refused {
		n.t.Errorf("template: %v", n.err)
	}
}

// start loads the template, in which {http} and {https} are the origin's ports,
// and starts the node.
func (n *nodeScript) start() {
	ports := strings.NewReplacer("{http}", port(n.plain.URL), "{https}", port(n.secure.URL))
	for name, text := range n.text {
		file := filepath.Join(n.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			n.t.Fatal(err)
		}
		if name == "template.yaml" {
			text = ports.Replace(text)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			n.t.Fatal(err)
		}
	}
	stacks, err := template.Load(n.t.Context(), filepath.Join(n.dir, "template.yaml"), template.Options{StackName: "s", BaseDir: n.dir})
	if n.err = err; err != nil {
		return
	}
	cert, err := n.ca.Certificates(func(string) bool { return true })(&tls.ClientHelloInfo{ServerName: "edge.example"})
	if err != nil {
		n.t.Fatal(err)
	}
	srv, err := New(Options{
		HTTP: "127.0.0.1:0", HTTPS: "127.0.0.1:0", Data: filepath.Join(n.dir, "data"), CA: n.ca, Roots: n.ca.Pool(), Safe: true,
		Recent: record.RecentOptions{Keep: 1 << 40, Bytes: 1 << 20}, DebugToken: "0123456789abcdef",
		OriginSigner: &origin.Signer{Region: "us-east-1", Credentials: func() (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}},
		OriginCert: func(string) (*tls.Certificate, error) { return cert, nil },
		Record: func(r *record.Record) {
			n.mu.Lock()
			defer n.mu.Unlock()
			if !r.Cache.Background {
				n.last = *r
				n.last.Shield.Labels, n.last.Shield.Counted, n.last.Shield.Findings = nil, nil, nil
				n.last.ID, n.last.Request = strings.Clone(r.ID), record.Request{}
			}
		},
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { leave(n.t, srv) })
	if err := srv.Bind(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	var all []*model.Stack
	for _, st := range stacks {
		all = append(all, st.Stack)
	}
	if err := srv.Apply(n.t.Context(), all); err != nil {
		n.err = err
		return
	}
	srv.Start()
	n.srv = srv
}

func port(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Port()
}

// answer is the origin: a section (status line, fields, empty line, body), or
// without one 200 and its path.
func (n *nodeScript) answer(w http.ResponseWriter, rq *http.Request) {
	n.mu.Lock()
	n.calls = append(n.calls, rq)
	n.certs = append(n.certs, "")
	if rq.TLS != nil && len(rq.TLS.PeerCertificates) > 0 {
		n.certs[len(n.certs)-1] = strings.Join(rq.TLS.PeerCertificates[0].DNSNames, ",")
	}
	text, down := n.text[n.reply], n.down
	n.mu.Unlock()
	if down {
		panic(http.ErrAbortHandler)
	}
	if text == "" {
		_, _ = io.WriteString(w, rq.URL.Path) // the node is gone if this fails
		return
	}
	head, body, _ := strings.Cut(text, "\n\n")
	status := 200
	for i, line := range strings.Split(strings.TrimSpace(head), "\n") {
		if i == 0 {
			status, _ = strconv.Atoi(strings.Fields(line + " 200")[0])
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		w.Header().Add(name, strings.TrimSpace(value))
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.TrimSuffix(body, "\n"))
}

func (n *nodeScript) command(name string, a []string) error {
	switch name {
	case "origin":
		n.mu.Lock()
		defer n.mu.Unlock()
		n.reply, n.down = a[0], a[0] == "down"
		return nil
	case "request":
		return n.request(a)
	case "refused":
		n.refused = true
		if n.err == nil || !strings.Contains(n.err.Error(), a[0]) {
			return fmt.Errorf("the template: %v", n.err)
		}
		return nil
	case "status":
		return wanted(strconv.Itoa(n.rs.StatusCode), a[0])
	case "header":
		return wanted(strings.Join(n.rs.Header.Values(a[0]), ", "), strings.Join(a[1:], " "))
	case "nohead":
		return same(strings.Join(n.rs.Header.Values(a[0]), ", "), "")
	case "body":
		return wanted(strings.TrimSpace(n.body), strings.Join(a, " "))
	case "body-has":
		if !strings.Contains(n.body, strings.Join(a, " ")) {
			return fmt.Errorf("body %q", n.body)
		}
		return nil
	case "record":
		return n.recorded(a)
	}
	return n.asked(name, a)
}

// asked checks what the origin was asked.
func (n *nodeScript) asked(name string, a []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name == "origin-calls" {
		return same(strconv.Itoa(len(n.calls)), a[0])
	}
	if len(n.calls) == 0 {
		return errors.New("the origin was not asked")
	}
	rq := n.calls[len(n.calls)-1]
	switch name {
	case "origin-target":
		return same(rq.URL.RequestURI(), a[0])
	case "origin-header":
		got := strings.Join(rq.Header.Values(a[0]), ", ")
		if a[0] == "Host" {
			got = rq.Host
		}
		return wanted(got, strings.Join(a[1:], " "))
	case "origin-nohead":
		return same(strings.Join(rq.Header.Values(a[0]), ", "), "")
	case "origin-scheme":
		scheme := "http"
		if rq.TLS != nil {
			scheme = "https"
		}
		return same(scheme, a[0])
	case "origin-cert":
		return same(n.certs[len(n.certs)-1], a[0])
	}
	return errors.New("no such command")
}

// request sends [METHOD] URL ['N: v'…] [body=TEXT].
func (n *nodeScript) request(a []string) error {
	method := "GET"
	if !strings.Contains(a[0], "://") {
		method, a = a[0], a[1:]
	}
	var body io.Reader
	if last, ok := strings.CutPrefix(a[len(a)-1], "body="); ok {
		body, a = strings.NewReader(last), a[:len(a)-1]
	}
	rq, err := http.NewRequestWithContext(n.t.Context(), method, a[0], body)
	if err != nil {
		return err
	}
	for _, f := range a[1:] {
		name, value, _ := strings.Cut(f, ":")
		rq.Header.Add(name, strings.TrimSpace(value))
	}
	kind := rq.URL.Scheme
	c, _ := client(n.t, n.srv, n.ca, kind)
	c.Transport.(*http.Transport).DisableCompression = true
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	rs, err := c.Do(rq)
	if err != nil {
		return err
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	n.rs, n.body = rs, string(b)
	return err
}

// recorded compares tags of the JSON log; a tag that is left out is "-".
func (n *nodeScript) recorded(a []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var tags map[string]any
	if err := json.NewDecoder(bytes.NewReader(record.AppendJSON(nil, &n.last))).Decode(&tags); err != nil {
		return err
	}
	for _, w := range a {
		name, want, _ := strings.Cut(w, "=")
		got := "-"
		if v, ok := tags[name]; ok {
			got = fmt.Sprint(v)
		}
		if got != want {
			return fmt.Errorf("%s=%s", name, got)
		}
	}
	return nil
}

// wanted compares exactly, or by the beginning when want ends in *.
func wanted(got, want string) error {
	if p, ok := strings.CutSuffix(want, "*"); ok && strings.HasPrefix(got, p) {
		return nil
	}
	return same(got, want)
}
