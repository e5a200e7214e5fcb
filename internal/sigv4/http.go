// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// SignHTTP signs a request whose body is body: Host, Content-Type and every
// X-Amz- field. It sets X-Amz-Date, X-Amz-Content-Sha256, with a session
// X-Amz-Security-Token, and Authorization, whatever was there before.
func SignHTTP(rq *http.Request, body []byte, c *Credentials, s Scope, at time.Time) {
	h, at := rq.Header, at.UTC()
	sum := sha256.Sum256(body)
	in := &Request{
		Method: rq.Method, Path: rq.URL.EscapedPath(), Query: rq.URL.RawQuery, PayloadHash: hex.EncodeToString(sum[:]), Time: at,
		Fields: []Field{{"Host", rq.Host}},
	}
	h.Set("X-Amz-Date", at.Format(TimeFormat))
	h.Set("X-Amz-Content-Sha256", in.PayloadHash)
	h.Del("X-Amz-Security-Token")
	if c.SessionToken != "" {
		h.Set("X-Amz-Security-Token", c.SessionToken)
	}
	for name, values := range h {
		if name == "Content-Type" || strings.HasPrefix(name, "X-Amz-") {
			for _, v := range values {
				in.Fields = append(in.Fields, Field{name, v})
			}
		}
	}
	h.Set("Authorization", Sign(in, c, s))
}
