// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Messages open streams and keep a connection alive. One is a byte of kind, two
// bytes of length and as many bytes of content:
//
//	edge                        agent
//	open "Orders"          ->             first on a stream
//	                       <-   ready     from here on the stream is the target's
//	                       <-   refuse 3 "connection refused"   or it is over
//
//	control                ->             first on the first stream
//	                       <-   hello 1 "Orders" "Orders:8081"
//	ping 00000007          ->             the first one: you serve now
//	                       <-   pong 00000007
//	                       <-   leave     no new streams, please
//	leave                  ->             dial another connection, please
//
// A message that is not exactly as it is described here ends its stream; on the
// control stream, the connection.

type kind uint8

const (
	kindOpen    kind = 1 // content: the name of an origin
	kindReady   kind = 2
	kindRefuse  kind = 3 // content: a Refusal and words for people
	kindControl kind = 4
	kindHello   kind = 5 // content: version, names, each with a byte of length
	kindPing    kind = 6 // content: 8 bytes that come back
	kindPong    kind = 7
	kindLeave   kind = 8
)

// String is the kind's word.
func (k kind) String() string {
	words := [...]string{"?", "open", "ready", "refuse", "control", "hello", "ping", "pong", "leave"}
	if int(k) < len(words) {
		return words[k]
	}
	return "?"
}

// What bounds messages.
const (
	maxName    = 128
	maxNames   = 64
	maxContent = 1 + maxNames*(1+maxName)
	maxWords   = 512
	version    = 1
)

// Refusal is why an agent opens no connection to its target: a closed list.
type Refusal uint8

// The refusals.
const (
	RefusedUnknown Refusal = 1 + iota // it does not serve this origin
	RefusedLeaving                    // it is about to leave
	RefusedTarget                     // its target refused the connection, or has no such name
	RefusedTimeout                    // its target did not answer
	RefusedBusy                       // it has as many connections as it takes
)

// String is a word for messages.
func (r Refusal) String() string {
	words := [...]string{"?", "it does not serve this origin", "it is leaving", "its target cannot be reached", "its target did not answer", "it is busy"}
	if int(r) < len(words) {
		return words[r]
	}
	return words[0]
}

// errMalformed is a message that is not as it must be.
var errMalformed = errors.New("tunnel: malformed message")

type message struct {
	kind    kind
	content []byte
}

// writeMessage writes m with one call.
func writeMessage(w io.Writer, m message) error {
	b := make([]byte, 0, 3+len(m.content))
	b = append(b, byte(m.kind))
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.content)))
	_, err := w.Write(append(b, m.content...))
	return err
}

// readMessage reads one message and not a byte more.
func readMessage(r io.Reader) (message, error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return message{}, err
	}
	m := message{kind: kind(head[0])}
	n := int(binary.BigEndian.Uint16(head[1:]))
	if !m.kind.allows(n) {
		return message{}, fmt.Errorf("%w: %d bytes of %s", errMalformed, n, m.kind)
	}
	if n > 0 {
		m.content = make([]byte, n)
		if _, err := io.ReadFull(r, m.content); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return message{}, err
		}
	}
	return m, nil
}

// allows tells whether a message of this kind may have n bytes.
func (k kind) allows(n int) bool {
	switch k {
	case kindOpen:
		return n >= 1 && n <= maxName
	case kindReady, kindControl, kindLeave:
		return n == 0
	case kindRefuse:
		return n >= 1 && n <= 1+maxWords
	case kindHello:
		return n >= 1 && n <= maxContent
	case kindPing, kindPong:
		return n == 8
	}
	return false
}

func refuse(r Refusal, words string) message {
	if len(words) > maxWords {
		words = words[:maxWords]
	}
	return message{kindRefuse, append([]byte{byte(r)}, words...)}
}

// helloMessage tells which names an agent serves.
func helloMessage(names []string) message {
	b := []byte{version}
	for _, n := range names {
		b = append(append(b, byte(len(n))), n...)
	}
	return message{kindHello, b}
}

// hello reads the names of a hello.
func (m message) hello() ([]string, error) {
	if m.kind != kindHello || len(m.content) == 0 {
		return nil, fmt.Errorf("%w: %s in place of hello", errMalformed, m.kind)
	}
	if m.content[0] != version {
		return nil, fmt.Errorf("%w: version %d of the protocol, this is %d", errMalformed, m.content[0], version)
	}
	var names []string
	for b := m.content[1:]; len(b) > 0; {
		n := int(b[0])
		if n+1 > len(b) || len(names) == maxNames {
			return nil, errMalformed
		}
		name := string(b[1 : 1+n])
		if !ValidName(name) {
			return nil, fmt.Errorf("%w: %q is no name of an origin", errMalformed, name)
		}
		names = append(names, name)
		b = b[1+n:]
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: no names", errMalformed)
	}
	return names, nil
}

// ValidName tells whether an origin may have this name: letters, digits and
// . _ - : / within 128 bytes.
func ValidName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-', c == ':', c == '/':
		default:
			return false
		}
	}
	return true
}
