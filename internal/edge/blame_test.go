// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/record"
)

// TestABrokenBodyIsTheViewersFault: a chunk that is none is answered with 400,
// not with an error of the origin, which sees the body break off.
func TestABrokenBodyIsTheViewersFault(t *testing.T) {
	seen := make(chan error, 1)
	url, w := wired(t, func(_ http.ResponseWriter, rq *http.Request) {
		_, err := io.ReadAll(rq.Body)
		seen <- err
	}, func(w *world) { w.behavior().Allowed = []string{"GET", "HEAD", "POST"} })
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")
	rs, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if rs.StatusCode != 400 || !rs.Close {
		t.Errorf("%d, close %v", rs.StatusCode, rs.Close)
	}
	if err := <-seen; err == nil {
		t.Error("the origin took the part for the whole")
	}
	if r := w.lastRecord(); r.Result.Type != record.Error || r.Result.Detail != record.InvalidRequest || r.Result.End != record.EndProtocol {
		t.Errorf("%+v", r.Result)
	}
}
