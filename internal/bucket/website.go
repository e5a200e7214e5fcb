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
	site := (*website)(w.b.m.Website)
	key, ok := objectKey(rq.URL)
	switch {
	case site == nil:
		return page(rq, Error{Status: 404, Code: "NoSuchWebsiteConfiguration", Message: "The specified bucket does not have a website configuration"}), nil
	case !ok:
		return page(rq, ErrInvalidURI), nil
	case rq.Method != http.MethodGet && rq.Method != http.MethodHead:
		return page(rq, ErrMethod), nil
	case site.RedirectAll != "":
		scheme := site.RedirectTLS
		if scheme == "" {
			scheme = "http"
		}
		return redirect(rq, http.StatusMovedPermanently, scheme+"://"+site.RedirectAll+rq.URL.RequestURI()), nil
	}
	if r := site.rule(key, 0); r != nil {
		return r.answer(rq, key), nil
	}
	asked := key
	if key == "" || strings.HasSuffix(key, "/") {
		key += site.Index
	}
	if !w.b.may(rq, "s3:GetObject", key) {
		w.b.tellDenied(rq)
		return w.failed(rq, asked, ErrAccessDenied)
	}
	o, err := w.b.find(key)
	if err != nil {
		return nil, err
	}
	if o != nil {
		return w.object(rq, o), nil
	}
	if site.Index != "" {
		index, err := w.b.find(key + "/" + site.Index)
		if err != nil {
			return nil, err
		}
		if index != nil {
			_ = index.file.Close()
			return redirect(rq, http.StatusFound, (&url.URL{Path: "/" + key + "/"}).String()), nil
		}
	}
	return w.failed(rq, asked, ErrNoSuchKey.Of(key))
}

// object serves an object, or redirects where it says so.
func (w *Website) object(rq *http.Request, o *object) *http.Response {
	for _, f := range o.fields {
		if f.Name == RedirectField {
			_ = o.file.Close()
			return redirect(rq, http.StatusMovedPermanently, f.Value)
		}
	}
	return serve(rq, o)
}

// RedirectField is where an object says that the website endpoint redirects.
const RedirectField = "X-Amz-Website-Redirect-Location"

// failed answers a fault: by a routing rule for its status, or with the error
// document.
func (w *Website) failed(rq *http.Request, key string, e Error) (*http.Response, error) {
	if r := (*website)(w.b.m.Website).rule(key, e.Status); r != nil {
		return r.answer(rq, key), nil
	}
	return w.errorDocument(rq, e)
}

// errorDocument answers a fault with the site's error document.
func (w *Website) errorDocument(rq *http.Request, e Error) (*http.Response, error) {
	doc := w.b.m.Website.Error
	if doc == "" || !w.b.may(rq, "s3:GetObject", doc) {
		return page(rq, e), nil
	}
	o, err := w.b.find(doc)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return page(rq, e), nil
	}
	plain := rq.Clone(rq.Context())
	for _, f := range []string{"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		plain.Header.Del(f)
	}
	rs := serve(plain, o)
	rs.StatusCode, rs.Request = e.Status, rq
	return rs, nil
}

func redirect(rq *http.Request, status int, to string) *http.Response {
	rs := answer(rq, status)
	rs.Header.Set("Location", to)
	return withBody(rq, rs, "text/html; charset=utf-8", nil)
}

func page(rq *http.Request, e Error) *http.Response {
	title := fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	body := fmt.Sprintf("<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n<ul>\n<li>Code: %s</li>\n<li>Message: %s</li>\n", title, title, e.Code, e.Message)
	if e.Key != "" {
		body += "<li>Key: " + html.EscapeString(e.Key) + "</li>\n"
	}
	return withBody(rq, answer(rq, e.Status), "text/html; charset=utf-8", []byte(body+"</ul>\n<hr/>\n</body>\n</html>\n"))
}
