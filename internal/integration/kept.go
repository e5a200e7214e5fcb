// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"io"
	"net/http"
	"slices"
)

// Kept is what an endpoint said, before anything was made of it, for a stage's
// cache (row A16: "API Gateway caches responses from your endpoint"): mapping,
// content handling and $context are each request's own. It is shared: read only.
type Kept struct {
	status    int         // of an HTTP target behind a proxy integration
	header    http.Header // of an HTTP target
	body      []byte      // what the function returned, or the target's body
	selection string      // what patterns are matched with
}

// MaxKept is the largest body that is kept.
const MaxKept = 1 << 20

// Size is the memory that it takes, about.
func (k *Kept) Size() int {
	n := 256 + len(k.body) + len(k.selection)
	for name, values := range k.header {
		n += 48 + len(name)
		for _, v := range values {
			n += 16 + len(v)
		}
	}
	return n
}

// keep hands over what is worth keeping: what made an answer that sets a cookie
// is for one viewer.
func (c *Call) keep(k Kept, a *Answer) {
	if c.Keep == nil || len(k.body) > MaxKept || a.Header["Set-Cookie"] != nil {
		return
	}
	k.body = slices.Clone(k.body) // it may be a part of something larger
	c.Keep(&k)
}

// keepable tells whether a target's answer is one to the request as it will be
// made again: not a part of one, and not "as you have it already".
func keepable(status int) bool {
	return status >= 200 && status != http.StatusPartialContent && status != http.StatusNotModified
}

// retain reads a target's body as far as it can be kept, and leaves the answer
// with all of it. Its error is that of reading.
func (a *Answer) retain(c *Call) error {
	if c.Keep == nil || !keepable(a.Status) || a.Length > MaxKept || a.Body == nil {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(a.Body, MaxKept+1))
	if err != nil {
		return err
	}
	rest := a.Body
	if len(body) <= MaxKept {
		c.keep(Kept{status: a.Status, header: a.Header.Clone(), body: body}, a)
		a.Length = int64(len(body))
	}
	a.Body = &closer{io.NopCloser(io.MultiReader(bytes.NewReader(body), rest)), func() {
		_ = rest.Close() // it has been read, or nobody wants it
	}}
	return nil
}

// answer is a target's answer once more.
func (k *Kept) answer() *Answer {
	a := &Answer{Status: k.status, Header: k.header.Clone()}
	a.setBody(k.body)
	return a
}
