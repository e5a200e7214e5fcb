// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/integration"
)

// packed is text in a coding.
func packed(t *testing.T, coding string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if coding == "deflate" {
		w = zlib.NewWriter(&b)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestA28RequestBodies(t *testing.T) {
	plain := []byte(`{"type":"dog"}`)
	most := bytes.Repeat([]byte{'x'}, integration.MaxPayload)
	for _, tt := range []struct {
		name, coding string
		body         []byte
		status       int
		want         []byte
	}{
		{"gzip", "gzip", packed(t, "gzip", plain), 200, plain},
		{"deflate", "Deflate", packed(t, "deflate", plain), 200, plain},
		{"identity", "identity", plain, 200, plain},
		{"as large as it may be", "gzip", packed(t, "gzip", most), 200, most},
		{"a bomb", "gzip", packed(t, "gzip", append(most, 'x')), 413, nil},
		{"another coding", "br", plain, 415, nil},
		{"two of them", "gzip, deflate", plain, 415, nil},
		{"not what it says", "gzip", plain, 415, nil},
		{"cut short", "gzip", packed(t, "gzip", plain)[:20], 415, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, restAPI(newRoute("POST /", lambda(""))))
			resp, _ := r.do("POST", restHost+"/prod", string(tt.body), "Content-Encoding: "+tt.coding, "Content-Type: application/json")
			if resp.StatusCode != tt.status {
				t.Fatalf("%d", resp.StatusCode)
			}
			if tt.status != 200 {
				if r.fn.last != nil {
					t.Error("the function was invoked")
				}
				return
			}
			event := string(r.fn.last.Payload)
			if len(tt.want) < 100 && !strings.Contains(event, `"body":"{\"type\":\"dog\"}"`) || len(event) < len(tt.want) {
				t.Errorf("%.300s", event)
			}
			if tt.coding != "identity" && strings.Contains(event, "Content-Encoding") {
				t.Error("the event has the coding")
			}
		})
	}
	// An HTTP API leaves bodies alone.
	r := newRig(t, httpAPI(newRoute("$default", lambda("2.0"))))
	if resp, _ := r.do("POST", httpHost+"/", string(plain), "Content-Encoding: br"); resp.StatusCode != 200 {
		t.Errorf("an HTTP API: %d", resp.StatusCode)
	}
}

// TestA28Answers: what is encoded is what the function said, from the size on.
func TestA28Answers(t *testing.T) {
	for _, tt := range []struct {
		name, accept, coding string
		min                  int
	}{
		{"gzip", "gzip", "gzip", 0},
		{"deflate", "deflate", "deflate", 2},
		{"none", "", "", 0},
		{"below the size", "gzip", "", 3},
	} {
		api := restAPI(newRoute("GET /", lambda("")))
		api.MinCompression = &tt.min
		r := newRig(t, api)
		resp, body := r.do("GET", restHost+"/prod", "", "Accept-Encoding: "+tt.accept)
		if got := resp.Header.Get("Content-Encoding"); got != tt.coding || resp.ContentLength != int64(len(body)) || r.records[0].Sent != int64(len(body)) {
			t.Errorf("%s: %q, %d of %d bytes, recorded %d", tt.name, got, resp.ContentLength, len(body), r.records[0].Sent)
		}
		if tt.coding != "" {
			plain, err := decode([]byte(body), tt.coding)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			body = string(plain)
		}
		if body != "ok" {
			t.Errorf("%s: %q", tt.name, body)
		}
	}
}

// FuzzDecode: whatever comes, what is decoded is bounded.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x1f\x8b\x08\x00"), "gzip")
	f.Add([]byte("x\x9c\x03\x00"), "deflate")
	f.Fuzz(func(t *testing.T, body []byte, coding string) {
		if plain, err := decode(body, coding); err == nil && len(plain) > integration.MaxPayload {
			t.Error("too much")
		}
	})
}
