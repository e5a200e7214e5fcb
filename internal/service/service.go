// SPDX-License-Identifier: Apache-2.0

// Package service carries calls of AWS services to the endpoints that an
// operator names for them, signed with the operator's credentials.
//
// The flow: (1) New reads the endpoints; (2) To gives the way to the service of
// a URI, by its whole name or its last part (data.iot, iot); (3) RoundTrip puts
// the endpoint's address in the place of AWS's, (4) reads the body, which is
// bounded by who made it, for its hash, and (5) signs Host, Content-Type and
// every X-Amz- field.
//
// What it does not do: it follows no redirects, retries nothing and assumes no
// roles; without credentials it signs nothing. It knows no default endpoints:
// what nobody named is not called.
//
// Concurrency: Services and its ways may be used by many at once.
package service

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/sigv4"
)

// Options of the services.
type Options struct {
	// Endpoints are URLs by the service's name.
	Endpoints map[string]string
	// Credentials are asked for before each signature. Nil: nothing is signed.
	Credentials func() (sigv4.Credentials, error)
	// Client carries the calls.
	Client http.RoundTripper
	// Now is a clock. Nil: time.Now.
	Now func() time.Time
}

// Services are those that have an endpoint.
type Services struct {
	o   Options
	all map[string]*url.URL
}

// New reads the endpoints.
func New(o Options) (*Services, error) {
	s := &Services{o: o, all: make(map[string]*url.URL, len(o.Endpoints))}
	for name, raw := range o.Endpoints {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("service %s: %q is no http or https URL of an endpoint", name, raw)
		}
		s.all[strings.ToLower(name)] = u
	}
	if s.o.Now == nil {
		s.o.Now = time.Now
	}
	return s, nil
}

// To is the way to a service; region is the one where a URI names none. Nil: the
// service has no endpoint.
func (s *Services) To(u *model.ServiceURI, region string) http.RoundTripper {
	names := u.Names()
	if rest, ok := strings.CutPrefix(u.Service, "sync-"); ok { // Step Functions' host for StartSyncExecution
		names = append(names, rest)
	}
	for i, name := range names {
		e := s.all[name]
		if e == nil {
			continue
		}
		w := &way{Services: s, endpoint: e, scope: sigv4.Scope{Region: u.Region, Service: signingName(u.Service)}}
		if w.scope.Region == "" {
			w.scope.Region = region
		}
		if i > 0 && name == "s3" { // the bucket is in the path, then
			w.bucket = strings.TrimSuffix(u.Service, ".s3")
		}
		return w
	}
	return nil
}

// signingName is the service's name in the scope of a signature, which is not
// always that of its host.
func signingName(service string) string {
	switch service {
	case "data.iot", "data-ats.iot":
		return "iotdata"
	case "email":
		return "ses"
	case "appconfigdata":
		return "appconfig"
	case "sync-states":
		return "states"
	case "bedrock-runtime":
		return "bedrock"
	case "streams.dynamodb":
		return "dynamodb"
	}
	return service[strings.LastIndexByte(service, '.')+1:]
}

// way is the one to a service.
type way struct {
	*Services
	endpoint *url.URL
	scope    sigv4.Scope
	bucket   string
}

// RoundTrip asks the endpoint.
func (w *way) RoundTrip(rq *http.Request) (*http.Response, error) {
	out := rq.Clone(rq.Context())
	path := rq.URL.EscapedPath()
	if w.bucket != "" {
		path = "/" + w.bucket + path
	}
	path = strings.TrimSuffix(w.endpoint.EscapedPath(), "/") + path
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, err
	}
	out.URL = &url.URL{Scheme: w.endpoint.Scheme, Host: w.endpoint.Host, Path: plain, RawPath: path, RawQuery: rq.URL.RawQuery}
	out.Host = w.endpoint.Host
	var body []byte
	if rq.Body != nil {
		body, err = io.ReadAll(rq.Body)
		_ = rq.Body.Close() // everything that is wanted has been read
		if err != nil {
			return nil, err
		}
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	if err := w.sign(out, body); err != nil {
		return nil, err
	}
	return w.o.Client.RoundTrip(out)
}

func (w *way) sign(rq *http.Request, body []byte) error {
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"} {
		rq.Header.Del(name)
	}
	if w.o.Credentials == nil {
		return nil
	}
	c, err := w.o.Credentials()
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	sigv4.SignHTTP(rq, body, &c, w.scope, w.o.Now())
	return nil
}
