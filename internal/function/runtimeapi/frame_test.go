// SPDX-License-Identifier: Apache-2.0

package runtimeapi

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"testing"
	"unicode/utf8"
)

func frame(kind byte, body string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(body)))
	return append(append(b, kind), body...)
}

// wire is a process that has said all that it will say.
type wire struct {
	io.Reader
	out bytes.Buffer
}

func (w *wire) Write(b []byte) (int, error) { return w.out.Write(b) }

func TestFramesDeliver(t *testing.T) {
	w := &wire{}
	f := NewFrames(NewDesk(), w)
	c := call("id", `{"n":1}`)
	c.TraceID, c.ClientContext, c.Identity = "a\"b\n", "{}", "{}"
	if err := f.deliver(c); err != nil {
		t.Fatal(err)
	}
	b := w.out.Bytes()
	if int(binary.BigEndian.Uint32(b)) != len(b)-4 || b[4] != 'I' {
		t.Fatalf("frame %q", b)
	}
	k := binary.BigEndian.Uint32(b[5:])
	var head struct {
		ID, ARN, Trace, Client, Identity string
		Deadline                         int64
	}
	if err := json.Unmarshal(b[9:9+k], &head); err != nil {
		t.Fatalf("head %q: %v", b[9:9+k], err)
	}
	if head.ID != "id" || head.ARN != "arn:f" || head.Trace != "a\"b\n" || head.Deadline != 1234567 || head.Client != "{}" {
		t.Errorf("head %+v", head)
	}
	if got := string(b[9+k:]); got != `{"n":1}` {
		t.Errorf("payload %q", got)
	}
}

// FuzzFrames: whatever a process says, Serve ends with its input, and the
// caller gets one result at most.
func FuzzFrames(f *testing.F) {
	f.Add(append(frame('N', ""), frame('R', "ok")...), false)
	f.Add(append(frame('N', ""), frame('E', "Kind\x00{}")...), false)
	f.Add(frame('X', "Kind"), false)
	f.Add(bytes.Join([][]byte{frame('N', ""), frame('S', streamType), frame('D', "{}\x00\x00\x00\x00\x00\x00\x00\x00body"), frame('Z', "")}, nil), true)
	f.Add(bytes.Join([][]byte{frame('N', ""), frame('S', ""), frame('D', "x"), frame('F', "K\x00{}")}, nil), true)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 'R'}, false)
	f.Add([]byte{0, 0, 0, 0, 'R'}, true)
	f.Fuzz(func(t *testing.T, said []byte, stream bool) {
		d := NewDesk()
		c := call("a", "1")
		c.Stream = stream
		d.Send(c)
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = NewFrames(d, &wire{Reader: bytes.NewReader(said)}).Serve()
			d.Close(io.ErrUnexpectedEOF)
		}()
		results := 0
		for done := false; !done; {
			select {
			case r := <-c.Done():
				results++
				if r.Stream != nil {
					_, _ = io.Copy(io.Discard, r.Stream.Body)
					r.Stream.Body.Close()
				}
			case <-served:
				done = true
			}
		}
		if results > 1 {
			t.Errorf("%d results", results)
		}
	})
}

// FuzzAppendString against encoding/json.
func FuzzAppendString(f *testing.F) {
	f.Add("plain")
	f.Add("a\"b\\c\n\x00\x7fä\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		b := appendString(nil, s)
		if err := json.Unmarshal(b, &back); err != nil || utf8.ValidString(s) && back != s {
			t.Errorf("%q became %s, %q, %v", s, b, back, err)
		}
	})
}
