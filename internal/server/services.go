// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/forelane/forelane/internal/bucket/s3api"
	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/service"
)

// openServices reads the endpoints of services that integrations call.
func (s *Server) openServices() (err error) {
	s.toServices = origin.Client(origin.Options{Roots: s.o.Roots})
	o := service.Options{Endpoints: s.o.Services, Client: s.toServices}
	if s.o.OriginSigner != nil {
		o.Credentials = s.o.OriginSigner.Credentials
	}
	if s.services, err = service.New(o); err != nil {
		return err
	}
	if len(s.o.Services) > 0 && o.Credentials == nil {
		s.log.Warn("calls of AWS services are not signed: give credentials with --origin-credentials")
	}
	return nil
}

// service is the way to an AWS service that an integration calls: the endpoint
// that is named for it, else, for S3, the buckets of this process. Nil: none.
func (s *Server) service(st *model.Stack, u *model.ServiceURI) http.RoundTripper {
	if rt := s.services.To(u, st.Region); rt != nil {
		return rt
	}
	names := u.Names()
	if names[len(names)-1] != "s3" {
		return nil
	}
	return ownBuckets{s, strings.TrimSuffix(strings.TrimSuffix(u.Service, "s3"), ".")}
}

// ownBuckets asks the buckets of this process as one who may do all in them, as
// the integration's role may by its own policy.
type ownBuckets struct {
	s      *Server
	bucket string // empty: the path begins with it
}

// RoundTrip answers the call.
func (o ownBuckets) RoundTrip(rq *http.Request) (*http.Response, error) {
	path := rq.URL.EscapedPath()
	if o.bucket != "" {
		path = "/" + o.bucket + path
	}
	if !o.has(path) {
		return nil, &integration.Fault{Kind: integration.FaultNotBuilt, Cause: fmt.Errorf("no stack has the bucket of %s, and there is no endpoint for the service s3: give one with --service s3=URL", path)}
	}
	return s3api.Inside(node{o.s}, rq, path), nil
}

// has tells whether a path is in a bucket of ours.
func (o ownBuckets) has(path string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	all, release := node{o.s}.Buckets()
	defer release()
	for _, b := range all {
		if b.Name() == name {
			return true
		}
	}
	return false
}
