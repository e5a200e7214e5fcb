// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// Routing rules of the website endpoint (S3 User Guide, "Use advanced
// conditional redirects"): the first rule that holds redirects. A rule with an
// error code is asked once there is that error; one without, before the object
// is looked for.
type (
	website model.Website
	routing model.RoutingRule
)

// rule is the first one for a key and the status of an error; 0: none yet.
func (w *website) rule(key string, status int) *routing {
	for i := range w.Rules {
		if r := &w.Rules[i]; r.Error == status && strings.HasPrefix(key, r.KeyPrefix) {
			return (*routing)(r)
		}
	}
	return nil
}

func (r *routing) answer(rq *http.Request, key string) *http.Response {
	switch {
	case r.Key != nil:
		key = *r.Key
	case r.KeyPrefixWith != nil:
		key = *r.KeyPrefixWith + strings.TrimPrefix(key, r.KeyPrefix)
	}
	to := url.URL{Scheme: r.Protocol, Host: r.Host, Path: "/" + key, RawQuery: rq.URL.RawQuery}
	if to.Scheme == "" {
		if to.Scheme = rq.URL.Scheme; to.Scheme == "" {
			to.Scheme = "http"
		}
	}
	if to.Host == "" {
		if to.Host = rq.Host; to.Host == "" {
			to.Host = rq.URL.Host
		}
	}
	status := r.Status
	if status == 0 {
		status = http.StatusMovedPermanently
	}
	return redirect(rq, status, to.String())
}
