// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strconv"
	"strings"
)

// knownHeaders are the CloudFront-* request headers that the edge can tell,
// in lower case, with the spelling in which an origin gets them; those of
// place.go follow.
var knownHeaders = [...]string{
	"CloudFront-Viewer-Address", "CloudFront-Viewer-Http-Version", "CloudFront-Viewer-TLS",
	"CloudFront-Forwarded-Proto", "CloudFront-Is-Android-Viewer", "CloudFront-Is-Desktop-Viewer",
	"CloudFront-Is-IOS-Viewer", "CloudFront-Is-Mobile-Viewer", "CloudFront-Is-SmartTV-Viewer",
	"CloudFront-Is-Tablet-Viewer", "CloudFront-Viewer-Header-Count", "CloudFront-Viewer-Header-Order",
	fingerprintHeaders[0], fingerprintHeaders[1],
	certHeaders[0], certHeaders[1], certHeaders[2], certHeaders[3], certHeaders[4], certHeaders[5], certHeaders[6],
}

// fingerprintHeaders are those that the handshake computes only where some
// behavior forwards one of them.
var fingerprintHeaders = [...]string{"CloudFront-Viewer-JA3-Fingerprint", "CloudFront-Viewer-JA4-Fingerprint"}

// known is the value of a CloudFront-* header, its name in lower case.
func (x *Exchange) known(name string) (string, bool) {
	rq := x.rq
	switch name {
	case "cloudfront-viewer-address":
		if !rq.Viewer.Addr.IsValid() {
			return "", false
		}
		return rq.Viewer.Addr.Addr().Unmap().String() + ":" + strconv.Itoa(int(rq.Viewer.Addr.Port())), true
	case "cloudfront-viewer-http-version":
		return strings.TrimPrefix(rq.Proto.String(), "HTTP/"), true
	case "cloudfront-viewer-tls":
		if t := rq.Viewer.TLS; t != nil {
			how := ":fullHandshake"
			if t.Resumed {
				how = ":sessionResumed"
			}
			return t.Version + ":" + t.Cipher + how, true
		}
		return "", false
	case "cloudfront-viewer-ja3-fingerprint":
		if t := rq.Viewer.TLS; t != nil {
			return t.JA3, t.JA3 != ""
		}
		return "", false
	case "cloudfront-viewer-ja4-fingerprint":
		if t := rq.Viewer.TLS; t != nil {
			return t.JA4, t.JA4 != ""
		}
		return "", false
	case "cloudfront-forwarded-proto":
		return rq.Scheme, true
	case "cloudfront-viewer-header-count":
		return strconv.Itoa(rq.Header.Len()), true
	case "cloudfront-viewer-header-order":
		return x.headerOrder(), true
	}
	if strings.HasPrefix(name, "cloudfront-viewer-cert-") {
		return x.certHeader(name)
	}
	if v, ok := x.placeHeader(name); ok {
		return v, true
	}
	is, ok := deviceOf(rq.Header.Get("User-Agent")).is(name)
	if !ok {
		return "", false
	}
	return strconv.FormatBool(is), true
}

// headerOrder is the names of the viewer's headers, at most 7,680 characters.
func (x *Exchange) headerOrder() string {
	var b strings.Builder
	for i, f := range x.rq.Header.Fields() {
		if b.Len()+len(f.Name)+1 > 7680 {
			break
		}
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(f.Name)
	}
	return b.String()
}

// device is what a User-Agent says of the viewer's machine.
type device struct{ android, ios, tablet, tv, mobile bool }

// deviceOf guesses by the marks that the makers document: an Android phone
// says Mobile and an Android tablet does not; an iPad says iPad (unless it
// asks for the desktop's pages).
func deviceOf(agent string) device {
	a := strings.ToLower(agent)
	has := func(marks ...string) bool {
		for _, m := range marks {
			if strings.Contains(a, m) {
				return true
			}
		}
		return false
	}
	d := device{android: has("android"), ios: has("iphone", "ipad", "ipod")}
	d.tv = has("smart-tv", "smarttv", "googletv", "appletv", "hbbtv", "netcast", "web0s", "webos", "aft", "bravia", "roku", "crkey")
	d.tablet = !d.tv && (has("ipad", "tablet", "kindle", "silk/", "playbook") || d.android && !has("mobile"))
	d.mobile = !d.tv && !d.tablet && (has("mobi", "iphone", "ipod", "windows phone", "blackberry", "opera mini") || d.android)
	return d
}

func (d device) is(name string) (value, ok bool) {
	switch name {
	case "cloudfront-is-android-viewer":
		return d.android, true
	case "cloudfront-is-ios-viewer":
		return d.ios, true
	case "cloudfront-is-smarttv-viewer":
		return d.tv, true
	case "cloudfront-is-tablet-viewer":
		return d.tablet, true
	case "cloudfront-is-mobile-viewer":
		return d.mobile, true
	case "cloudfront-is-desktop-viewer":
		return !d.mobile && !d.tablet && !d.tv, true
	}
	return false, false
}
