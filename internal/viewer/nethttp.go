// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"crypto/tls"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
)

// engine is the net/http engine: it carries a request over into httpmsg and
// back. Field order is not kept by net/http, so fields come sorted by name;
// Host and Content-Length stand in the Request itself.
type engine struct {
	handle Handler
	scheme string
}

// ServeHTTP carries one request over.
func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rq, ok := e.request(r)
	if !ok {
		w.Header().Set("Connection", "close")
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	vw := &writer{w: w, head: r.Method == http.MethodHead}
	e.handle(r.Context(), rq, vw)
	if vw.cut { // the body ended early: the viewer must see that it did
		panic(http.ErrAbortHandler)
	}
}

// request carries r over; ok is false when the request is ambiguous.
func (e *engine) request(r *http.Request) (rq *httpmsg.Request, ok bool) {
	path, query, ok := splitTarget(r.RequestURI)
	if !ok {
		return nil, false
	}
	rq = &httpmsg.Request{
		Method: r.Method, Scheme: e.scheme, Host: r.Host, Path: path, Query: query,
		ContentLength: r.ContentLength,
	}
	switch {
	case r.ProtoMajor == 2:
		rq.Proto = httpmsg.HTTP2
	case r.ProtoMajor == 1 && r.ProtoMinor == 0:
		rq.Proto = httpmsg.HTTP10
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, v := range r.Header[name] {
			rq.Header.Add(name, v)
		}
	}
	if r.ContentLength != 0 && r.Body != nil {
		rq.Body = r.Body
	}
	rq.Viewer.Addr, _ = netip.ParseAddrPort(r.RemoteAddr)
	if r.TLS != nil {
		rq.Viewer.TLS = &httpmsg.TLS{
			Version: tlsVersion(r.TLS.Version), Cipher: opensslName(r.TLS.CipherSuite),
			ServerName: strings.ToLower(r.TLS.ServerName),
		}
	}
	return rq, true
}

// splitTarget takes a request target apart: origin form, or absolute form
// whose authority net/http has put into Host.
func splitTarget(target string) (path, query string, ok bool) {
	if i := strings.Index(target, "://"); i > 0 && !strings.HasPrefix(target, "/") {
		rest := target[i+3:]
		slash := strings.IndexAny(rest, "/?")
		if slash < 0 {
			return "/", "", true
		}
		if target = rest[slash:]; target[0] == '?' {
			target = "/" + target
		}
	}
	if target != "*" && !strings.HasPrefix(target, "/") || strings.ContainsAny(target, "#") {
		return "", "", false
	}
	path, query, _ = strings.Cut(target, "?")
	return path, query, true
}

func tlsVersion(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return "TLSv1.3"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS10:
		return "TLSv1"
	}
	return "-"
}

// opensslName is the name that the access log has for a cipher suite.
func opensslName(id uint16) string {
	switch id {
	case tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:
		return "ECDHE-RSA-AES128-GCM-SHA256"
	case tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
		return "ECDHE-RSA-AES256-GCM-SHA384"
	case tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:
		return "ECDHE-ECDSA-AES128-GCM-SHA256"
	case tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:
		return "ECDHE-ECDSA-AES256-GCM-SHA384"
	case tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
		return "ECDHE-RSA-CHACHA20-POLY1305"
	case tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return "ECDHE-ECDSA-CHACHA20-POLY1305"
	}
	return tls.CipherSuiteName(id)
}

// writer is the Writer over a ResponseWriter.
type writer struct {
	w    http.ResponseWriter
	head bool // HEAD: no body is sent
	cut  bool // the body could not be completed
}

// Head sends status and fields.
func (w *writer) Head(rs *httpmsg.Response) error {
	h := w.w.Header()
	for _, f := range rs.Header.Fields() {
		name := spelled(f.Name)
		h[name] = append(h[name], f.Value)
	}
	for _, automatic := range []string{"Date", "Content-Type"} {
		if _, set := h[automatic]; !set {
			h[automatic] = nil // net/http would invent it
		}
	}
	bodyless := rs.Status == http.StatusNoContent || rs.Status == http.StatusNotModified
	if rs.ContentLength >= 0 && !bodyless {
		h["Content-Length"] = []string{strconv.FormatInt(rs.ContentLength, 10)}
	}
	w.w.WriteHeader(rs.Status)
	return nil
}

// spelled is the case in which a field goes out: net/http's own, but for the
// names that everybody writes otherwise. HTTP/2 sends all in lower case.
func spelled(name string) string {
	switch name = http.CanonicalHeaderKey(name); name {
	case "Etag":
		return "ETag"
	case "Www-Authenticate":
		return "WWW-Authenticate"
	}
	return name
}

// Write sends a piece of the body.
func (w *writer) Write(p []byte) (int, error) {
	if w.head {
		return len(p), nil
	}
	return w.w.Write(p)
}

// Flush sends what is buffered.
func (w *writer) Flush() error { return http.NewResponseController(w.w).Flush() }

// Abort tells that the body could not be completed: the connection or stream
// is ended so that the viewer does not take the piece for the whole.
func (w *writer) Abort() { w.cut = true }
