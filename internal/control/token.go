// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/control/cloudfront"
	"github.com/forelane/forelane/internal/sigv4"
)

// guardian lets only callers pass that send the token, or, to the APIs that are
// AWS's, sign with it as the secret access key.
type guardian struct {
	token string
	want  [sha256.Size]byte
	next  http.Handler
	// reading has room for those whose body is read before it is known who they
	// are.
	reading chan struct{}
}

// readers bounds the memory for bodies of callers that may be anybody: so many
// times maxBody.
const readers = 4

// readTime is how long such a body may take.
const readTime = 20 * time.Second

// authorized lets only callers pass that send the token; whether the node lives
// is told to everybody. Digests are compared, so that the time it takes says
// nothing about the token, its length included. A page in a browser has no
// token, and cannot send one without being asked for it (CORS): no other guard
// is needed, but an Origin is refused all the same.
func authorized(token string, next http.Handler) http.Handler {
	return &guardian{token: token, want: sha256.Sum256([]byte(token)), next: next, reading: make(chan struct{}, readers)}
}

func (g *guardian) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") != "" {
		fail(w, http.StatusForbidden, "the admin side answers to no web page")
		return
	}
	claim, signed := sigv4.Parse(r.Header.Get("Authorization"))
	if service := serviceOf(r.URL.Path); signed && service != "" {
		if err := g.verify(w, r, claim, service); err != nil {
			refuse(w, service, err)
			return
		}
		g.next.ServeHTTP(w, r)
		return
	}
	given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	have := sha256.Sum256([]byte(given))
	if r.URL.Path != "/healthz" && r.URL.Path != "/readyz" && (subtle.ConstantTimeCompare(have[:], g.want[:]) != 1 || !bearer) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="forelane"`)
		fail(w, http.StatusUnauthorized, "send the node's token (--token-file), or sign AWS's calls with it as the secret access key")
		return
	}
	g.next.ServeHTTP(w, r)
}

// serviceOf is the name of the AWS service whose API a path is of; "" is none.
// S3's is not here: room bucket/s3api checks its signatures itself.
func serviceOf(path string) string {
	switch {
	case strings.HasPrefix(path, cloudfront.Prefix):
		return "cloudfront"
	case strings.HasPrefix(path, "/2015-03-31/"):
		return "lambda"
	case strings.HasPrefix(path, "/restapis/"):
		return "apigateway"
	}
	return ""
}

var errBusy = errors.New("too many signed requests at once")

// verify checks the signature. The body is part of it, and is read for that.
func (g *guardian) verify(w http.ResponseWriter, r *http.Request, c sigv4.Claim, service string) error {
	if c.Service != service {
		return sigv4.ErrWrong
	}
	select {
	case g.reading <- struct{}{}:
		defer func() { <-g.reading }()
	default:
		return errBusy
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(readTime)) // not every ResponseWriter can: then the others wait longer
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = rc.SetReadDeadline(time.Time{})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if told := r.Header.Get("X-Amz-Content-Sha256"); told != "" && told != hash {
		return sigv4.ErrWrong
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return sigv4.VerifyPayload(r, hash, g.token, time.Now())
}

// refuse answers as the service would.
func refuse(w http.ResponseWriter, service string, err error) {
	status, code := http.StatusForbidden, "SignatureDoesNotMatch"
	var long *http.MaxBytesError
	switch {
	case errors.Is(err, errBusy):
		status, code = http.StatusServiceUnavailable, "ServiceUnavailable"
	case errors.As(err, &long):
		status, code = http.StatusRequestEntityTooLarge, "RequestEntityTooLarge"
	}
	msg := err.Error() + " (sign with the node's token as the secret access key)"
	if service == "cloudfront" {
		cloudfront.Refuse(w, status, code, msg)
		return
	}
	w.Header().Set("X-Amzn-Errortype", code)
	fail(w, status, msg)
}
