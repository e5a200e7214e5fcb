// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/edge"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/pattern"
)

// explainTime bounds an explanation that asks an origin.
const explainTime = 60 * time.Second

// Explain says why a request would be answered as it would be.
func (n node) Explain(ctx context.Context, in *explain.Request) (*explain.Explanation, error) {
	if in.ID != "" {
		return n.recorded(ctx, in.ID)
	}
	rq, err := questionOf(in)
	if err != nil {
		return nil, err
	}
	snap := n.s.pin()
	if snap == nil {
		return nil, errors.New("nothing is running")
	}
	defer snap.release()
	host := hostname(rq.Host)
	to := snap.edgeOf(host)
	if to == nil {
		if snap.plane(host) != nil {
			return nil, fmt.Errorf("%s is answered by an API, a function URL or a bucket without an edge in front: nothing is cached there", host)
		}
		return nil, fmt.Errorf("no distribution answers to %s; there are: %s", host, strings.Join(snap.hosts(), ", "))
	}
	ctx, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	how := edge.AskNobody
	switch {
	case in.Anew:
		how = edge.AskAnew
	case in.Fetch:
		how = edge.AskOrigin
	}
	return to.Explain(ctx, rq, how), nil
}

// hosts are the names that distributions answer to.
func (snap *Snapshot) hosts() []string {
	var names []string
	for _, u := range snap.units {
		names = append(names, u.edge.Hosts()...)
	}
	return names
}

// questionOf is the viewer request that in describes. It refuses what an engine
// would refuse.
func questionOf(in *explain.Request) (*httpmsg.Request, error) {
	scheme, rest, ok := strings.Cut(in.URL, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("%q: write the whole address, http://HOST/PATH", in.URL)
	}
	rest, _, _ = strings.Cut(rest, "#")
	at := strings.IndexAny(rest, "/?")
	if at < 0 {
		at, rest = len(rest), rest+"/"
	}
	rq := &httpmsg.Request{Method: "GET", Scheme: scheme, Host: rest[:at], Proto: httpmsg.HTTP11}
	if in.Method != "" {
		rq.Method = in.Method
	}
	target := rest[at:]
	if target[0] == '?' {
		target = "/" + target
	}
	rq.Path, rq.Query, _ = strings.Cut(target, "?")
	switch {
	case !httpspec.ValidAuthority(rq.Host):
		return nil, fmt.Errorf("%q is no host", rq.Host)
	case !httpspec.ValidName(rq.Method):
		return nil, fmt.Errorf("%q is no method", rq.Method)
	case !httpspec.ValidValue(target) || strings.ContainsAny(target, " \t") || !httpspec.ValidEscapes(rq.Path):
		return nil, fmt.Errorf("%q is no request target: write blanks and the like as %%20", target)
	}
	for _, h := range in.Headers {
		if !httpspec.ValidName(h[0]) || !httpspec.ValidValue(h[1]) {
			return nil, fmt.Errorf("%q is no header", h[0])
		}
		if strings.EqualFold(h[0], "Host") {
			rq.Host = h[1]
			continue
		}
		rq.Header.Add(h[0], h[1])
	}
	addr := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if in.Address != "" {
		a, err := netip.ParseAddr(in.Address)
		if err != nil {
			return nil, fmt.Errorf("viewer address: %w", err)
		}
		addr = a
	}
	rq.Viewer.Addr = netip.AddrPortFrom(addr, 0)
	if scheme == "https" {
		rq.Viewer.TLS = &httpmsg.TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", ServerName: strings.ToLower(pattern.TrimPort(rq.Host))}
	}
	return rq, nil
}
