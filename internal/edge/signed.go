// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/forelane/forelane/internal/edge/forward"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/signed"
)

// compileSigners reads the keys that a behavior trusts. keys is nil where
// everybody may come. Legacy TrustedSigners name accounts, whose keys are not
// known here: with them alone nobody passes.
func (b *behavior) compileSigners() (err error) {
	if !b.m.TrustedSigners && len(b.m.TrustedKeyGroups) == 0 {
		return nil
	}
	b.keys, err = signed.New(b.m.SignerKeys)
	return err
}

// signature lets a request pass whose URL or cookies are signed for it, without
// what was signed: it is neither in the key nor sent to the origin (row C13).
func (x *Exchange) signature() (next stepID, ok bool) {
	c, own := signed.Take(x.rq.Query, x.rq.Header.Join("Cookie"))
	rq := signed.Request{URL: x.rq.Scheme + "://" + x.rq.Host + x.rq.Path, Addr: x.rq.Viewer.Addr.Addr(), Now: x.now()}
	if own != "" {
		rq.URL += "?" + own
	}
	if d := x.beh.keys.Check(&c, &rq); d != signed.Passed {
		x.rec.Result.Detail, x.rec.Result.Why = record.InvalidRequest, d.Why()
		x.rs = httpmsg.Response{Status: 403, Header: x.rs.Header}
		x.rs.Header.Reset()
		x.rs.Header.Add("Server", "CloudFront")
		x.rs.Header.Add("Content-Type", "text/xml")
		x.body = body{text: []byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>` + d.String() + `</Code><Message>` + d.Message() + `</Message></Error>`)}
		return x.generated(record.Error), false
	}
	x.rq.Query = own
	if cookies := x.rq.Header.Join("Cookie"); cookies != "" {
		kept := forward.AppendCookies(nil, cookies, func(n string) bool { return !signed.IsCookie(n) })
		if x.rq.Header.Del("Cookie"); len(kept) > 0 {
			x.rq.Header.Add("Cookie", string(kept))
		}
	}
	return 0, true
}
