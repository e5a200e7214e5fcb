// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
)

// Website is the website endpoint of a bucket: index documents below every
// folder, an error document, redirects; errors are HTML. Only what the public
// may read is served, as S3 does (S3 User Guide, "Hosting a static website").
type Website struct{ b *Bucket }

// Website returns the bucket's website endpoint.
func (b *Bucket) Website() *Website { return &Website{b} }

// RoundTrip answers GET and HEAD.
func (w *Website) RoundTrip(rq *http.Request) (*http.Response, error) {
	if rq.Body != nil {
		defer rq.Body.Close()
	}
	site := w.b.m.Website
	key, ok := objectKey(rq.URL)
	switch {
	case site == nil:
		return page(rq, s3Error{status: 404, code: "NoSuchWebsiteConfiguration", msg: "The specified bucket does not have a website configuration"}), nil
	case !ok:
		return page(rq, errInvalidURI), nil
	case rq.Method != http.MethodGet && rq.Method != http.MethodHead:
		return page(rq, errMethod), nil
	case site.RedirectAll != "":
		scheme := site.RedirectTLS
		if scheme == "" {
			scheme = "http"
		}
		return redirect(rq, http.StatusMovedPermanently, scheme+"://"+site.RedirectAll+rq.URL.RequestURI()), nil
	}
	if key == "" || strings.HasSuffix(key, "/") {
		key += site.Index
	}
	if !w.b.may(rq, "s3:GetObject", key) {
		w.b.tellDenied(rq)
		return w.errorDocument(rq, errAccessDenied), nil
	}
	if o := w.b.find(key); o != nil {
		return serve(rq, o), nil
	}
	if o := w.b.find(key + "/" + site.Index); o != nil && site.Index != "" {
		_ = o.file.Close()
		return redirect(rq, http.StatusFound, (&url.URL{Path: "/" + key + "/"}).String()), nil
	}
	return w.errorDocument(rq, errNoSuchKey.of(key)), nil
}

// errorDocument answers a fault with the site's error document.
func (w *Website) errorDocument(rq *http.Request, e s3Error) *http.Response {
	doc := w.b.m.Website.Error
	if doc == "" || !w.b.may(rq, "s3:GetObject", doc) {
		return page(rq, e)
	}
	o := w.b.find(doc)
	if o == nil {
		return page(rq, e)
	}
	plain := rq.Clone(rq.Context())
	for _, f := range []string{"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		plain.Header.Del(f)
	}
	rs := serve(plain, o)
	rs.StatusCode, rs.Request = e.status, rq
	return rs
}

func redirect(rq *http.Request, status int, to string) *http.Response {
	rs := answer(rq, status)
	rs.Header.Set("Location", to)
	return withBody(rq, rs, "text/html; charset=utf-8", nil)
}

func page(rq *http.Request, e s3Error) *http.Response {
	title := fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	body := fmt.Sprintf("<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n<ul>\n<li>Code: %s</li>\n<li>Message: %s</li>\n", title, title, e.code, e.msg)
	if e.key != "" {
		body += "<li>Key: " + html.EscapeString(e.key) + "</li>\n"
	}
	return withBody(rq, answer(rq, e.status), "text/html; charset=utf-8", []byte(body+"</ul>\n<hr/>\n</body>\n</html>\n"))
}
