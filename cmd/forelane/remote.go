// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/config"
)

// remote is the admin side that a deploy goes to, and which stage of which
// stack.
type remote struct {
	to, tokenFile, authority string
	stack, stage             string
}

func (r *remote) register(cmd *cobra.Command, stackToo bool) {
	fl := cmd.Flags()
	fl.StringVar(&r.to, "to", "http://127.0.0.1:9900", "`URL` of the admin side of a node, whichever")
	fl.StringVar(&r.tokenFile, "token-file", "", "`FILE` with the token of the admin side (default: FORELANE_TOKEN_FILE)")
	fl.StringVar(&r.authority, "ca", "", "`FILE` of certificates that are trusted for --to (default: the system's)")
	fl.StringVar(&r.stage, "stage", "", "stage of the stack: dev, staging, prod or any other word")
	if stackToo {
		fl.StringVar(&r.stack, "stack", "", "stack name")
	}
}

// client makes the client for --to. A token travels over TLS, or within this
// machine.
func (r *remote) client() (*http.Client, string, error) {
	u, err := url.Parse(r.to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, "", wrong(fmt.Errorf("--to %s: write it as https://host:port", r.to))
	}
	if r.tokenFile == "" {
		r.tokenFile = os.Getenv("FORELANE_TOKEN_FILE")
	}
	token := ""
	if r.tokenFile != "" {
		if token, err = config.Secret(r.tokenFile); err != nil {
			return nil, "", wrong(fmt.Errorf("--token-file: %w", err))
		}
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	if u.Scheme == "http" && !config.Loopback(u.Hostname()+":"+port) && u.Hostname() != "::1" {
		return nil, "", wrong(fmt.Errorf("--to %s: beyond this machine deploys travel over https", r.to))
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	if r.authority != "" {
		pem, err := os.ReadFile(r.authority)
		if err != nil {
			return nil, "", wrong(fmt.Errorf("--ca: %w", err))
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, "", wrong(fmt.Errorf("--ca %s: it holds no certificate (PEM)", r.authority))
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, token, nil
}

// ask sends one request; an answer that is an error becomes one.
func (r *remote) ask(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	client, token, err := r.client()
	if err != nil {
		return nil, err
	}
	rq, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.to, "/")+path, body)
	if err != nil {
		return nil, wrong(err)
	}
	if token != "" {
		rq.Header.Set("Authorization", "Bearer "+token)
	}
	rs, err := client.Do(rq)
	if err != nil {
		return nil, fmt.Errorf("the admin side cannot be asked: %w", err)
	}
	if rs.StatusCode < 300 {
		return rs, nil
	}
	defer rs.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(rs.Body, 1<<20)) // the status says enough
	var m struct{ Message string }
	if json.Unmarshal(b, &m) == nil && m.Message != "" {
		return nil, errors.New(m.Message)
	}
	if rs.StatusCode == http.StatusNotFound || rs.StatusCode == http.StatusMethodNotAllowed {
		return nil, fmt.Errorf("%s takes no deploys: it is `forelane up`, or a node without the role control", r.to)
	}
	return nil, fmt.Errorf("admin side: %s: %s", rs.Status, b)
}

// json sends a value, or nothing, and reads one.
func (r *remote) json(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	rs, err := r.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer rs.Body.Close()
	return json.NewDecoder(rs.Body).Decode(out)
}

// query is stack and stage as a query.
func (r *remote) query() string {
	return url.Values{"stack": {r.stack}, "stage": {r.stage}}.Encode()
}

// who is who deploys, for the history.
func who() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
