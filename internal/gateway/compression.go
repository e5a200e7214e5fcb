// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/encode"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/integration"
)

// Compression of REST APIs (row A28; developer guide, "Payload compression"):
//
//	request    Content-Encoding gzip, deflate: decoded before anything reads the
//	           body, whatever the API says; identity: nothing; others, and what
//	           cannot be decoded, 415
//	answer     with MinimumCompressionSize, of at least that size: by the weights
//	           of Accept-Encoding, gzip before deflate where they are equal
//
// The limit of 10 MB holds for what is decoded too. Streamed answers, those that
// are encoded already and the gateway's own stay as they are.

// compression is what an API says of answers.
type compression struct {
	min     int64
	encoder encode.Encoder
}

// inflate decodes the body of a request.
func (x *exchange) inflate() bool {
	c := &x.call
	codings := c.Header["Content-Encoding"]
	if c.API.Style != integration.RESTAPI || len(codings) == 0 || c.Body == nil {
		return true
	}
	coding := strings.ToLower(strings.TrimSpace(strings.Join(codings, ",")))
	switch coding {
	case "", "identity":
		return true
	case "gzip", "x-gzip", "deflate":
	default:
		return x.refuse(ReasonMediaType, fmt.Errorf("the content coding %q of a request is not supported", coding))
	}
	body, err := c.Buffer()
	if err != nil {
		return x.refuseFault(err)
	}
	if len(body) == 0 {
		return true
	}
	plain, err := decode(body, coding)
	switch {
	case errors.Is(err, errTooLarge):
		return x.refuse(ReasonBodyTooLarge, err)
	case err != nil:
		return x.refuse(ReasonMediaType, fmt.Errorf("the body is no %s: %w", coding, err))
	}
	c.Drop("Content-Encoding")
	if c.Header["Content-Length"] != nil {
		c.Header["Content-Length"] = []string{strconv.Itoa(len(plain))} // Drop has made it the call's own
	}
	c.Body, c.Length = io.NopCloser(bytes.NewReader(plain)), int64(len(plain))
	return true
}

var errTooLarge = fmt.Errorf("decoded it is above %d bytes", integration.MaxPayload)

// decode is the whole of a body; what comes behind its end is no part of it.
func decode(body []byte, coding string) ([]byte, error) {
	var r io.Reader
	var err error
	if coding == "deflate" {
		r, err = zlib.NewReader(bytes.NewReader(body))
	} else {
		r, err = gzip.NewReader(bytes.NewReader(body))
	}
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, integration.MaxPayload+1))
	if len(plain) > integration.MaxPayload {
		return nil, errTooLarge
	}
	return plain, err
}

// compress encodes an answer of an integration, if it is worth it.
func (x *exchange) compress(a *integration.Answer) {
	if x.api == nil || x.api.compression == nil || a.Body == nil || x.route == nil || x.route.streams ||
		a.Header["Content-Encoding"] != nil || a.Status == http.StatusNoContent || a.Status == http.StatusNotModified || a.Status == http.StatusPartialContent {
		return
	}
	z := x.api.compression
	coding := httpspec.PreferredEncoding(strings.Join(x.call.Header["Accept-Encoding"], ","))
	if coding == 0 || a.Length >= 0 && a.Length < z.min {
		return
	}
	if a.Length < 0 { // is it as much as that?
		head, err := io.ReadAll(io.LimitReader(a.Body, z.min))
		a.Body = &rejoined{io.MultiReader(bytes.NewReader(head), &failed{a.Body, err}), a.Body}
		if int64(len(head)) < z.min {
			return
		}
	}
	body, err := z.encoder.Reader(a.Body, coding)
	if err != nil {
		return // it goes as it is
	}
	whole := a.Length >= 0 && a.Length <= integration.MaxPayload
	a.Body, a.Length = body, -1
	a.Header["Content-Encoding"] = []string{coding.String()}
	delete(a.Header, "Content-Length")
	if !whole {
		return
	}
	data, err := io.ReadAll(body)
	if err == nil {
		a.Length = int64(len(data))
	}
	a.Body = &rejoined{io.MultiReader(bytes.NewReader(data), &failed{http.NoBody, err}), body}
}

// rejoined is a body of which a part was read.
type rejoined struct {
	io.Reader
	closer io.Closer
}

func (r *rejoined) Close() error { return r.closer.Close() }

// failed goes on with a body, or with the error that it has ended with.
type failed struct {
	body io.Reader
	err  error
}

func (f *failed) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.body.Read(p)
}
