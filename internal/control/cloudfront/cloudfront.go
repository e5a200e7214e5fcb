// SPDX-License-Identifier: Apache-2.0

// Package cloudfront is a part of CloudFront's own API (2020-05-31, REST and
// XML) over what runs here, so that `aws cloudfront --endpoint-url` works.
//
// The flow: (1) New makes the handler; (2) a route finds its distribution, and
// asks the Node; (3) the answer, or the error, is written as CloudFront writes
// it.
//
//	POST .../distribution/{id}/invalidation          CreateInvalidation
//	GET  .../distribution/{id}/invalidation          ListInvalidations
//	GET  .../distribution/{id}/invalidation/{id}     GetInvalidation
//	GET  .../distribution                            ListDistributions
//	GET  .../distribution/{id}                       GetDistribution
//	GET  .../distribution/{id}/config                GetDistributionConfig
//	PUT  .../distribution/{id}/promote-staging-config  UpdateDistributionWithStagingConfig
//	GET  .../function                                ListFunctions
//	GET  .../function/{name}                         GetFunction
//	GET  .../function/{name}/describe                DescribeFunction
//	POST .../function/{name}/test                    TestFunction
//	GET  .../cache-policy                            ListCachePolicies
//	GET  .../cache-policy/{id}                       GetCachePolicy
//	GET  .../cache-policy/{id}/config                GetCachePolicyConfig
//
// and the same of origin-request-policy and response-headers-policy.
//
// What it does not do: it changes no configuration but by promotion, for the
// template says what runs: such calls are NotImplemented. It checks no
// signature: where the admin side has a token, package control does.
//
// Concurrency: the handler may be called by many at once.
package cloudfront

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/model"
)

// Prefix is what the paths of this API begin with.
const Prefix = "/2020-05-31/"

// Node is what the API is about.
type Node interface {
	// Distributions are those that run, staging ones included.
	Distributions() []Distribution
	// Invalidations is the book of them.
	Invalidations() Invalidations
	// Promote gives a primary distribution the configuration of its staging
	// distribution. Both are ids.
	Promote(ctx context.Context, primary, staging string) error
	// Functions are the CloudFront functions that run, each once.
	Functions() []Function
}

// Invalidations is the part of an invalidation.Book that the API needs.
type Invalidations interface {
	Create(ctx context.Context, rq invalidation.Request) (invalidation.Invalidation, error)
	Get(distribution, id string) (invalidation.Invalidation, error)
	List(distribution string) []invalidation.Invalidation
}

// Distribution is one that runs, since when it is as it is.
type Distribution struct {
	*model.Distribution
	Since time.Time
}

// New makes the handler of all that begins with Prefix.
func New(n Node) http.Handler {
	a := &api{n}
	mux := http.NewServeMux()
	one := Prefix + "distribution/{id}"
	mux.HandleFunc("GET "+Prefix+"distribution", a.call(a.list))
	mux.HandleFunc("GET "+one, a.call(a.get))
	mux.HandleFunc("GET "+one+"/config", a.call(a.config))
	mux.HandleFunc("PUT "+one+"/promote-staging-config", a.call(a.promote))
	mux.HandleFunc("POST "+one+"/invalidation", a.call(a.invalidate))
	mux.HandleFunc("GET "+one+"/invalidation", a.call(a.invalidations))
	mux.HandleFunc("GET "+one+"/invalidation/{batch}", a.call(a.invalidation))
	mux.HandleFunc("GET "+Prefix+"function", a.call(a.functions))
	mux.HandleFunc("GET "+Prefix+"function/{name}", a.call(a.functionCode))
	mux.HandleFunc("GET "+Prefix+"function/{name}/describe", a.call(a.describeFunction))
	mux.HandleFunc("POST "+Prefix+"function/{name}/test", a.call(a.testFunction))
	for _, k := range []kind{cachePolicies, requestPolicies, responsePolicies} {
		mux.HandleFunc("GET "+Prefix+k.path, a.call(a.listPolicies(k)))
		mux.HandleFunc("GET "+Prefix+k.path+"/{id}", a.call(a.getPolicy(k, false)))
		mux.HandleFunc("GET "+Prefix+k.path+"/{id}/config", a.call(a.getPolicy(k, true)))
	}
	mux.HandleFunc("/", a.call(func(_ http.ResponseWriter, r *http.Request) error {
		return fault(http.StatusNotImplemented, "NotImplemented", "%s %s is not a call that is answered here; what runs is changed by its template", r.Method, r.URL.Path)
	}))
	return mux
}

type api struct{ node Node }

// call answers an error of f.
func (a *api) call(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()
		w.Header().Set("X-Amzn-RequestId", id)
		err := f(w, r)
		if err == nil {
			return
		}
		var e *apiError
		if !errors.As(err, &e) {
			e = &apiError{http.StatusInternalServerError, "InternalError", err.Error()}
		}
		e.write(w, id)
	}
}

// Refuse answers with an error in CloudFront's form.
func Refuse(w http.ResponseWriter, status int, code, msg string) {
	id := rand.Text()
	w.Header().Set("X-Amzn-RequestId", id)
	(&apiError{status, code, msg}).write(w, id)
}

func (e *apiError) write(w http.ResponseWriter, id string) {
	kind := "Sender"
	if e.status >= 500 {
		kind = "Receiver"
	}
	write(w, e.status, struct {
		XMLName xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ ErrorResponse"`
		Type    string   `xml:"Error>Type"`
		Code    string   `xml:"Error>Code"`
		Message string   `xml:"Error>Message"`
		ID      string   `xml:"RequestId"`
	}{Type: kind, Code: e.code, Message: e.msg, ID: id})
}

// apiError is an error that CloudFront has a name for.
type apiError struct {
	status int
	code   string
	msg    string
}

func (e *apiError) Error() string { return e.msg }

func fault(status int, code, format string, args ...any) error {
	return &apiError{status, code, fmt.Sprintf(format, args...)}
}

func write(w http.ResponseWriter, status int, v any) {
	b, err := xml.Marshal(v)
	if err != nil { // our own structs: cannot be
		status, b = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), b...)) // the caller is gone if this fails
}

// find is the distribution that the path names. By its logical id it is found
// too, which AWS does not do.
func (a *api) find(id string) (Distribution, error) {
	for _, d := range a.node.Distributions() {
		if d.ID == id || d.LogicalID == id {
			return d, nil
		}
	}
	return Distribution{}, fault(http.StatusNotFound, "NoSuchDistribution", "The specified distribution does not exist: %s", id)
}

func (a *api) get(w http.ResponseWriter, r *http.Request) error {
	d, err := a.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(d))
	write(w, http.StatusOK, a.describe(d))
	return nil
}

func (a *api) config(w http.ResponseWriter, r *http.Request) error {
	d, err := a.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(d))
	c := configOf(d.Distribution)
	c.Space = space
	write(w, http.StatusOK, c)
	return nil
}

func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	all := a.node.Distributions()
	from, to, err := page(r, len(all), func(i int) string { return all[i].ID })
	if err != nil {
		return err
	}
	out := distributionList{paging: pagingOf(r, to < len(all), to-from)}
	for _, d := range all[from:to] {
		out.Items.List = append(out.Items.List, summaryOf(d))
	}
	if out.IsTruncated {
		out.NextMarker = all[to-1].ID
	}
	write(w, http.StatusOK, out)
	return nil
}

// promote takes the versions of both distributions in If-Match, when it is
// there: "PRIMARY, STAGING".
func (a *api) promote(w http.ResponseWriter, r *http.Request) error {
	d, err := a.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	if d.Deployment == nil {
		return fault(http.StatusBadRequest, "IllegalUpdate", "the distribution %s has no continuous deployment policy", d.ID)
	}
	name := r.URL.Query().Get("StagingDistributionId")
	if name == "" {
		name = d.Deployment.Staging
	}
	s, err := a.find(name)
	if err != nil {
		return err
	}
	if s.ID != d.Deployment.Staging {
		return fault(http.StatusBadRequest, "IllegalUpdate", "%s is not the staging distribution of %s", s.ID, d.ID)
	}
	if v := r.Header.Get("If-Match"); v != "" && !matches(v, etag(d), etag(s)) {
		return fault(http.StatusPreconditionFailed, "PreconditionFailed", "the primary distribution has version %s and the staging distribution %s", etag(d), etag(s))
	}
	if err := a.node.Promote(r.Context(), d.ID, s.ID); err != nil {
		return fault(http.StatusBadRequest, "IllegalUpdate", "%v", err)
	}
	if d, err = a.find(d.ID); err != nil {
		return err
	}
	w.Header().Set("ETag", etag(d))
	write(w, http.StatusOK, a.describe(d))
	return nil
}

func matches(field string, primary, staging string) bool {
	a, b, _ := strings.Cut(field, ",")
	return strings.Trim(a, ` "`) == primary && strings.Trim(b, ` "`) == staging
}
