// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"fmt"

	"github.com/forelane/forelane/internal/model"
)

// Viewers with certificates (viewer mTLS, row C14). The handshake has asked for
// one and judged it, by the terms of the distribution that SNI named. A
// connection may carry requests for other distributions all the same: so each
// request is compared with those terms, and a distribution that asks answers
// nobody whose connection was opened by other ones, or before it asked (421: a
// new connection asks anew). What the certificate says is a matter of room known.

// compileMutual finds the terms of a distribution that asks.
func (e *Edge) compileMutual(d *distribution) error {
	if d.m.MTLS == nil {
		return nil
	}
	if e.deps.Mutual == nil {
		return errors.New("it asks viewers for certificates, and nobody here can")
	}
	d.terms = e.deps.Mutual(d.m)
	d.mutual, d.passes = MutualID(d.m, d.terms), d.m.MTLS.Mode == model.MTLSPassthrough
	return nil
}

// MutualID is what the connections of a distribution's viewers are marked with
// (httpmsg.TLS.Mutual): the distribution and its terms.
func MutualID(d *model.Distribution, terms string) string { return d.ID + " " + terms }

// shareMutual gives a staging distribution the connections of its primary. Their
// terms are the same, so that neither is a way around the other's, and a
// promotion changes none.
func (d *distribution) shareMutual(staging *distribution) error {
	if staging.terms != d.terms {
		return fmt.Errorf("its viewers would be asked for other certificates (ViewerMtlsConfig) than those of its primary %s", d.m.LogicalID)
	}
	staging.mutual = d.mutual
	return nil
}

// identified tells whether the connection was opened by the distribution's
// terms. Cleartext ones were not, and get no further than a redirect.
func (x *Exchange) identified() bool {
	if x.dist.mutual == "" {
		return true
	}
	if _, explained := x.w.(nobody); explained { // as a viewer who got so far
		return true
	}
	t := x.rq.Viewer.TLS
	if t == nil {
		return x.rq.Scheme != "https"
	}
	return t.Mutual == x.dist.mutual
}

// certificates are what the viewer has shown to this distribution.
func (x *Exchange) certificates() [][]byte {
	if t := x.rq.Viewer.TLS; t != nil && x.dist != nil && x.dist.mutual != "" && t.Mutual == x.dist.mutual {
		return t.Certificates
	}
	return nil
}
