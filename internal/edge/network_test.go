// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/record"
)

// network gives w an origin on loopback that answers every read with text, and
// allocates nothing for it.
func network(t testing.TB, w *world, text string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, in := []byte(text), make([]byte, 4096)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			for {
				if _, err := c.Read(in); err != nil {
					break
				}
				if _, err := c.Write(out); err != nil {
					break
				}
			}
			_ = c.Close()
		}
	}()
	host, port, _ := net.SplitHostPort(ln.Addr().String()) // a listener's address
	o := w.dist.Origins[0]
	o.DomainName = host
	o.HTTPPort, _ = strconv.Atoi(port)
	var tr *origin.Transport
	w.transport = func(o *model.Origin) http.RoundTripper {
		tr = origin.New(o, origin.Options{})
		return tr
	}
	w.compile()
	w.edge.deps.Record = nil
	t.Cleanup(func() {
		w.wg.Wait()
		tr.CloseIdleConnections()
		_ = ln.Close()
		<-done
	})
}

const (
	fromNetwork = "HTTP/1.1 200 OK\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
	notStored   = fromNetwork + "Cache-Control: no-store\r\n\r\nhello"
	isStored    = fromNetwork + "Cache-Control: max-age=60\r\n\r\nhello"
)

// missAllocations are the budgets of a miss through the network, the origin's
// head and body among them.
const missAllocations = 30

func TestMissAllocations(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		budget     float64
	}{{"not stored", notStored, missAllocations}, {"stored", isStored, missAllocations}} {
		w := newWorld(t)
		network(t, w, tt.text)
		var rqs []*httpmsg.Request
		for i := range 300 {
			rqs = append(rqs, request("/"+strconv.Itoa(i), "Accept", "*/*", "User-Agent", "me"))
		}
		i := 0
		n := testing.AllocsPerRun(250, func() {
			w.edge.Serve(t.Context(), rqs[i], nothing{})
			i++
		})
		if n > tt.budget && !raceEnabled { // its pools forget
			t.Errorf("%s: %v allocations, budget %v", tt.name, n, tt.budget)
		}
	}
}

// A part of an answer that came whole is cut out of it.
func TestF15ARangeOfAnAnswerThatCameWhole(t *testing.T) {
	w := newWorld(t)
	network(t, w, isStored)
	for _, want := range []string{"Miss", "Hit"} {
		v := w.start(t.Context(), "/a", "Range", "bytes=1-3")
		w.expect(v, 206, want, "ell")
	}
}

func BenchmarkMissByNetwork(b *testing.B) {
	for _, tt := range []struct{ name, text string }{{"notStored", notStored}, {"stored", isStored}} {
		b.Run(tt.name, func(b *testing.B) {
			w := newWorld(&testing.T{})
			network(b, w, tt.text)
			rq := request("/x", "Accept", "*/*", "User-Agent", "me")
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				rq.Path = "/" + strconv.Itoa(i)
				w.edge.Serve(b.Context(), rq, nothing{})
			}
		})
	}
}

func TestE11AnswersThatAreNoHTTP(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		detail     record.Detail
	}{
		{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", record.OriginInvalidResponseError},
		{"two lengths", fromNetwork + "Content-Length: 6\r\n\r\nhello", record.OriginInvalidResponseError},
		{"no HTTP", "SSH-2.0-x\r\n", record.OriginInvalidResponseError},
		{"large head", fromNetwork + "X: " + strings.Repeat("x", 30000) + "\r\n\r\nhello", record.OriginHeaderTooBigError},
		{"a head that is large for CloudFront", fromNetwork + "X: " + strings.Repeat("x", 20480) + "\r\n\r\nhello", record.OriginHeaderTooBigError},
	} {
		w := newWorld(t)
		network(t, w, tt.text)
		var last record.Record
		w.edge.deps.Record = func(r *record.Record) { last = *r }
		v := &viewer{}
		w.edge.Serve(t.Context(), request("/a"), v)
		if v.status != 502 || last.Result.Detail != tt.detail {
			t.Errorf("%s: %d, %v (%s)", tt.name, v.status, last.Result.Detail, last.Origin.Error)
		}
	}
}

// A viewer that leaves while the origin works ends the fetch.
func TestF17ViewerLeavesWhileTheOriginWorks(t *testing.T) {
	for _, policy := range []string{"cached", "not cached"} {
		t.Run(policy, func(t *testing.T) {
			begun, gone := make(chan struct{}), make(chan struct{})
			url, _ := wired(t, func(_ http.ResponseWriter, rq *http.Request) {
				close(begun)
				<-rq.Context().Done()
				close(gone)
			}, func(w *world) {
				if policy == "not cached" {
					w.behavior().Cache = &model.CachePolicy{}
				}
			})
			c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
			<-begun
			_ = c.Close()
			<-gone
		})
	}
}

func TestInterimAnswersOverTheWire(t *testing.T) {
	url, _ := wired(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "hello")
	}, func(w *world) { w.behavior().Cache.Rules = model.RFC9111Rules })
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(c)
	for _, want := range []int{103, 200} {
		rs, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if rs.StatusCode != want || rs.Header.Get("Link") == "" {
			t.Errorf("%d %v, want %d", rs.StatusCode, rs.Header, want)
		}
	}
}

// Bodies of every length and form reach the origin as they were sent.
func TestUploadsOverTheWire(t *testing.T) {
	url, _ := wired(t, func(w http.ResponseWriter, rq *http.Request) {
		n, err := io.Copy(io.Discard, rq.Body)
		fmt.Fprintf(w, "%d %d %v", n, rq.ContentLength, err)
	}, func(w *world) {
		w.behavior().Allowed = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	})
	for _, n := range []int64{0, 1, 1000, 16 << 10, 16<<10 + 1, 1 << 20} {
		for _, length := range []int64{n, -1} {
			rq, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/a", io.LimitReader(zeros{}, n))
			if err != nil {
				t.Fatal(err)
			}
			if rq.ContentLength = length; length == 0 {
				rq.Body = http.NoBody
			}
			rs, err := client(t).RoundTrip(rq)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(rs.Body)
			_ = rs.Body.Close()
			if want := fmt.Sprintf("%d %d <nil>", n, length); string(b) != want {
				t.Errorf("%s, want %s", b, want)
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
