// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"errors"
	"io"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// The protocol: POST /relay with a Question in JSON. 200 is sent at once when
// the Question is taken; the body then is the length of the Head in four bytes,
// the Head in JSON, and the body of the answer. 409 refuses.

// Question is a viewer's request as it stands when the cache is asked.
type Question struct {
	Revision     string // of the configuration
	Applied      uint64 // what of the log the asking node has applied
	Distribution string // id
	Behavior     string // path pattern
	Target       string // origin or group, or what a function chose instead
	Statuses     []int  `json:",omitempty"` // of a group that a function made

	Method, Scheme, Host, Path, Query string

	Proto  httpmsg.Proto
	Fields []httpmsg.Field
	Viewer httpmsg.Viewer
	// ETag is of an expired object that the asking node has; when it still holds
	// the answer is a 304.
	ETag string `json:",omitempty"`
}

// Head is the head of an answer.
type Head struct {
	Status int
	Length int64 // of the body; -1: not known in advance
	Fields []httpmsg.Field
	// Shared tells that the answer may be kept and given to others, for TTL; and
	// for Stale and IfError after that.
	Shared              bool
	TTL, Stale, IfError time.Duration
	Hit                 bool // it was in the owner's cache
	// Failed tells that the origin gave no answer; Status stands for it.
	Failed bool
	Error  string `json:",omitempty"` // of the origin, for the log
}

// Answer is what a peer said.
type Answer struct {
	Head
	From string // the node's name
	Body io.ReadCloser
}

// ErrRefused is why a Relay does not take a Question: another revision, or an
// invalidation that it has not applied yet.
var ErrRefused = errors.New("peer: the node has another revision, or is behind")

// mostHead bounds the Head of an answer, and a Question.
const mostHead = 1 << 20

func writeHead(w io.Writer, h *Head) error {
	b, err := framed(h)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func readHead(r io.Reader) (h Head, err error) {
	err = readFrame(r, &h)
	return h, err
}
