// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// Error is one of S3's error answers (S3 API Reference, "Error responses").
type Error struct {
	Status  int
	Code    string
	Message string
	Key     string // what it is about; empty: not said
}

// Error is code and message.
func (e Error) Error() string { return e.Code + ": " + e.Message }

// Of is the error about a key.
func (e Error) Of(key string) Error {
	e.Key = key
	return e
}

// The errors that both endpoints and the admin side answer with.
var (
	ErrAccessDenied   = Error{Status: 403, Code: "AccessDenied", Message: "Access Denied"}
	ErrNoSuchKey      = Error{Status: 404, Code: "NoSuchKey", Message: "The specified key does not exist."}
	ErrInvalidURI     = Error{Status: 400, Code: "InvalidURI", Message: "Couldn't parse the specified URI."}
	ErrMethod         = Error{Status: 405, Code: "MethodNotAllowed", Message: "The specified method is not allowed against this resource."}
	ErrNotImplemented = Error{Status: 501, Code: "NotImplemented", Message: "A header or query you provided implies functionality that is not implemented."}
	ErrPrecondition   = Error{Status: 412, Code: "PreconditionFailed", Message: "At least one of the pre-conditions you specified did not hold"}
	ErrRange          = Error{Status: 416, Code: "InvalidRange", Message: "The requested range is not satisfiable"}
	ErrInternal       = Error{Status: 500, Code: "InternalError", Message: "We encountered an internal error. Please try again."}
	ErrArgument       = Error{Status: 400, Code: "InvalidArgument", Message: "Invalid Argument"}
)

// Answer is the error in S3's XML.
func (e Error) Answer(rq *http.Request) *http.Response {
	rs := answer(rq, e.Status)
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, "<Error><Code>%s</Code><Message>%s</Message>", e.Code, escape(e.Message))
	if e.Key != "" {
		fmt.Fprintf(&b, "<Key>%s</Key>", escape(e.Key))
	}
	fmt.Fprintf(&b, "<RequestId>%s</RequestId><HostId>%s</HostId></Error>", rs.Header.Get("X-Amz-Request-Id"), rs.Header.Get("X-Amz-Id-2"))
	return withBody(rq, rs, "application/xml", b.Bytes())
}

// AnswerXML is an answer of 200 with a document of S3's namespace.
func AnswerXML(rq *http.Request, v any) *http.Response {
	text, err := xml.Marshal(v)
	if err != nil {
		return ErrInternal.Answer(rq)
	}
	return withBody(rq, answer(rq, http.StatusOK), "application/xml", append([]byte(xml.Header), text...))
}

// Answer is an answer of S3 without a body.
func Answer(rq *http.Request, status int) *http.Response { return answer(rq, status) }

// Namespace is that of S3's documents.
const Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
