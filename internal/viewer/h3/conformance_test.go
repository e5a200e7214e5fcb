// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/viewer/engine"
)

// conformance is what a viewer says, and what it is told. Requests are ended;
// the answer is that of the last stream, or the end of the connection.
var conformance = []struct {
	name string
	say  func(*visitor) *reply
	want string
}{
	// RFC 9114 4: messages.
	{"4.1 no request", one(""), "reset H3_REQUEST_INCOMPLETE"},
	{"4.1 only unknown frames", one(frame(0x21, "x")), "reset H3_REQUEST_INCOMPLETE"},
	{"4.1 DATA first", one(frame(frameData, "x")), "conn H3_FRAME_UNEXPECTED"},
	{"4.1 DATA after trailers", posted(frame(frameData, "a") + head("x", "y") + frame(frameData, "b")), "conn H3_FRAME_UNEXPECTED"},
	{"4.1 two trailers", posted(head("x", "y") + head("x", "y")), "conn H3_FRAME_UNEXPECTED"},
	{"4.1 unknown after trailers", posted(head("x", "y") + frame(0x21, "z")), "200"},
	{"4.1.2 content-length above DATA", one(get("POST", "/", "content-length", "5") + frame(frameData, "abc")), "reset H3_MESSAGE_ERROR"},
	{"4.1.2 content-length below DATA", one(get("POST", "/", "content-length", "2") + frame(frameData, "abc")), "reset H3_MESSAGE_ERROR"},
	{"4.1.2 content-length without DATA", one(get("POST", "/", "content-length", "5")), "reset H3_MESSAGE_ERROR"},
	{"4.1.2 content-length twice, equal", one(get("POST", "/", "content-length", "1", "content-length", "1") + frame(frameData, "a")), "200"},
	{"4.1.2 content-length twice, different", one(get("POST", "/", "content-length", "1", "content-length", "2") + frame(frameData, "a")), "reset H3_MESSAGE_ERROR"},
	{"4.1.2 content-length no number", one(get("POST", "/", "content-length", "+1") + frame(frameData, "a")), "reset H3_MESSAGE_ERROR"},
	{"4.2 upper case", with("X-A", "b"), "reset H3_MESSAGE_ERROR"},
	{"4.2 empty name", with("", "b"), "reset H3_MESSAGE_ERROR"},
	{"4.2 space in a name", with("x y", "b"), "reset H3_MESSAGE_ERROR"},
	{"4.2 colon in a name", with("x:y", "b"), "reset H3_MESSAGE_ERROR"},
	{"4.2 connection", with("connection", "close"), "reset H3_MESSAGE_ERROR"},
	{"4.2 keep-alive", with("keep-alive", "1"), "reset H3_MESSAGE_ERROR"},
	{"4.2 proxy-connection", with("proxy-connection", "close"), "reset H3_MESSAGE_ERROR"},
	{"4.2 transfer-encoding", with("transfer-encoding", "chunked"), "reset H3_MESSAGE_ERROR"},
	{"4.2 upgrade", with("upgrade", "h2c"), "reset H3_MESSAGE_ERROR"},
	{"4.2 te", with("te", "gzip"), "reset H3_MESSAGE_ERROR"},
	{"4.2 te: trailers", with("te", "trailers"), "200"},
	{"4.2 line feed in a value", with("x", "a\nb"), "reset H3_MESSAGE_ERROR"},
	{"4.2 carriage return in a value", with("x", "a\rb"), "reset H3_MESSAGE_ERROR"},
	{"4.2 zero in a value", with("x", "a\x00b"), "reset H3_MESSAGE_ERROR"},
	{"4.2 space before a value", with("x", " a"), "reset H3_MESSAGE_ERROR"},
	{"4.2 space after a value", with("x", "a "), "reset H3_MESSAGE_ERROR"},
	{"4.2.2 more fields than allowed", with(many(300)...), "431"},
	{"C4 head too large", with("x", strings.Repeat("a", 20480)), "431"},
	{"C4 head too large to be read", one(frame(frameHeaders, strings.Repeat("x", 60000))), "431"},
	{"C4 target too long", one(get("GET", "/"+strings.Repeat("a", 8192))), "414"},
	{"4.3 unknown pseudo-field", with(":x", "y"), "reset H3_MESSAGE_ERROR"},
	{"4.3 :status", with(":status", "200"), "reset H3_MESSAGE_ERROR"},
	{"4.3 pseudo-field after others", one(head(":method", "GET", ":scheme", "https", "x", "y", ":authority", "a", ":path", "/")), "reset H3_MESSAGE_ERROR"},
	{"4.3 pseudo-field in trailers", posted(head(":path", "/")), "reset H3_MESSAGE_ERROR"},
	{"4.3 upper case in trailers", posted(head("X", "y")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 no method", one(head(":scheme", "https", ":authority", "a", ":path", "/")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 no scheme", one(head(":method", "GET", ":authority", "a", ":path", "/")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 no path", one(head(":method", "GET", ":scheme", "https", ":authority", "a")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 empty path", one(get("GET", "")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 path without slash", one(get("GET", "a")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 path with space", one(get("GET", "/a b")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 path with fragment", one(get("GET", "/a#b")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 asterisk of GET", one(get("GET", "*")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 asterisk of OPTIONS", one(get("OPTIONS", "*")), "200"},
	{"4.3.1 two methods", one(head(":method", "GET", ":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 two paths", one(head(":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/", ":path", "/")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 method with space", one(get("GE T", "/")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 foreign scheme", one(head(":method", "GET", ":scheme", "ftp", ":authority", "a", ":path", "/")), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 host agrees", with("host", "A"), "200"},
	{"4.3.1 host disagrees", with("host", "b"), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 two hosts", with("host", "a", "host", "a"), "reset H3_MESSAGE_ERROR"},
	{"4.3.1 host alone", one(head(":method", "GET", ":scheme", "https", ":path", "/", "host", "a")), "200"},
	{"4.3.1 neither", one(head(":method", "GET", ":scheme", "https", ":path", "/")), "400"},
	{"4.3.1 user information", one(head(":method", "GET", ":scheme", "https", ":authority", "u@a", ":path", "/")), "reset H3_MESSAGE_ERROR"},
	{"4.4 CONNECT", one(head(":method", "CONNECT", ":authority", "a:443")), "405"},
	{"4.4 CONNECT with path", one(head(":method", "CONNECT", ":authority", "a:443", ":path", "/")), "reset H3_MESSAGE_ERROR"},
	{"9220 extended CONNECT is off", one(head(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", "a", ":path", "/")), "reset H3_MESSAGE_ERROR"},

	// RFC 9114 6: streams.
	{"6.2.1 no SETTINGS first", others("\x00" + frame(frameGoAway, "\x00")), "conn H3_MISSING_SETTINGS"},
	{"6.2.1 two control streams", others(settings, settings), "conn H3_STREAM_CREATION_ERROR"},
	{"6.2.1 control stream closed", closed(settings), "conn H3_CLOSED_CRITICAL_STREAM"},
	{"6.2.2 push stream", others("\x01\x00"), "conn H3_STREAM_CREATION_ERROR"},
	{"6.2.3 unknown stream", others("\x21abc", settings), "200"},
	{"6.2 cut off before its type", closed(""), "200"},

	// RFC 9114 7: frames.
	{"7.1 frame cut off", one(get("POST", "/") + "\x00\x05abc"), "conn H3_FRAME_ERROR"},
	{"7.1 HEADERS cut off", one("\x01\x20abc"), "conn H3_FRAME_ERROR"},
	{"7.1 length cut off", one("\x01\x40"), "conn H3_FRAME_ERROR"},
	{"7.1 frame cut off on the control stream", closed(settings + "\x07\x05a"), "conn H3_FRAME_ERROR"},
	{"7.2.1 DATA on the control stream", others(settings + frame(frameData, "x")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.2 HEADERS on the control stream", others(settings + get("GET", "/")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.3 CANCEL_PUSH of a request", one(frame(frameCancelPush, "\x00")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.3 CANCEL_PUSH of nothing", others(settings + frame(frameCancelPush, "\x00")), "conn H3_ID_ERROR"},
	{"7.2.4 SETTINGS of a request", one(frame(frameSettings, "")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.4 SETTINGS in a body", posted(frame(frameSettings, "")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.4 SETTINGS twice", others(settings + frame(frameSettings, "")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.4 SETTINGS cut off", others("\x00" + frame(frameSettings, "\x06")), "conn H3_FRAME_ERROR"},
	{"7.2.4 a setting twice", others("\x00" + frame(frameSettings, "\x06\x01\x06\x01")), "conn H3_SETTINGS_ERROR"},
	{"7.2.4.1 a setting of HTTP/2", others("\x00" + frame(frameSettings, "\x04\x01")), "conn H3_SETTINGS_ERROR"},
	{"7.2.4.1 unknown settings", others("\x00" + frame(frameSettings, "\x40\x99\x01\x06\x3f")), "200"},
	{"9297 datagrams 2", others("\x00" + frame(frameSettings, "\x33\x02")), "conn H3_SETTINGS_ERROR"},
	{"7.2.5 PUSH_PROMISE of a request", one(frame(framePushPromise, "\x00")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.5 PUSH_PROMISE on the control stream", others(settings + frame(framePushPromise, "\x00")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.6 GOAWAY of a request", one(frame(frameGoAway, "\x00")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.6 GOAWAY goes up", others(settings + frame(frameGoAway, "\x01") + frame(frameGoAway, "\x02")), "conn H3_ID_ERROR"},
	{"7.2.6 GOAWAY too long", others(settings + frame(frameGoAway, "\x01\x02")), "conn H3_FRAME_ERROR"},
	{"7.2.7 MAX_PUSH_ID of a request", one(frame(frameMaxPushID, "\x00")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.7 MAX_PUSH_ID goes down", others(settings + frame(frameMaxPushID, "\x02") + frame(frameMaxPushID, "\x01")), "conn H3_ID_ERROR"},
	{"7.2.7 MAX_PUSH_ID goes up", others(settings + frame(frameMaxPushID, "\x01") + frame(frameMaxPushID, "\x02")), "200"},
	{"7.2.8 PING of HTTP/2 on a request", one(frame(0x06, "12345678")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.8 PRIORITY of HTTP/2 in a body", posted(frame(0x02, "12345")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.8 WINDOW_UPDATE on the control stream", others(settings + frame(0x08, "1234")), "conn H3_FRAME_UNEXPECTED"},
	{"7.2.8 reserved types", others(settings + frame(0x21, "x") + frame(0x40, "y")), "200"},
	{"10.5 a frame without end on the control stream", others(settings + "\x21\xbf\xff\xff\xff"), "conn H3_EXCESSIVE_LOAD"},
	{"10.5 unknown frames without end", one(frame(0x21, strings.Repeat("x", 70000)) + get("GET", "/")), "reset H3_EXCESSIVE_LOAD"},

	// RFC 9218: priorities.
	{"9218 7.2 PRIORITY_UPDATE", others(settings + frame(framePriorityUpdate, "\x00u=1, i")), "200"},
	{"9218 7.2 of a stream to come", others(settings + frame(framePriorityUpdate, "\x08u=1")), "200"},
	{"9218 7.2 of no request", others(settings + frame(framePriorityUpdate, "\x03u=1")), "conn H3_ID_ERROR"},
	{"9218 7.2 above the limit", others(settings + frame(framePriorityUpdate, "\x80\x01\x00\x00u=1")), "conn H3_ID_ERROR"},
	{"9218 7.2 empty", others(settings + frame(framePriorityUpdate, "")), "conn H3_FRAME_ERROR"},
	{"9218 7.2 of a push", others(settings + frame(framePriorityPush, "\x00u=1")), "conn H3_ID_ERROR"},
	{"9218 7.2 of a request stream", one(frame(framePriorityUpdate, "\x00u=1")), "conn H3_FRAME_UNEXPECTED"},
	{"9218 4 any priority field", with("priority", "u=9;;;"), "200"},

	// RFC 9204: QPACK.
	{"9204 2.2.1 required insert count", one(frame(frameHeaders, "\x02\x00\xd1")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 4.5.1 negative base", one(frame(frameHeaders, "\x00\x80\xd1")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 3.1 static index 99", one(frame(frameHeaders, "\x00\x00\xff\x24")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 4.5.2 dynamic index", one(frame(frameHeaders, "\x00\x00\x80")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 4.5.3 post-base index", one(frame(frameHeaders, "\x00\x00\x10")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 4.5.5 post-base name", one(frame(frameHeaders, "\x00\x00\x00\x01a")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 4.5 cut off", one(frame(frameHeaders, "\x00\x00\x51\x05/")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 4.5.1 prefix cut off", one(frame(frameHeaders, "\x00")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 4.1.2 Huffman padding", one(frame(frameHeaders, "\x00\x00\x51\x81\x00")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 4.1.1 huge integer", one(frame(frameHeaders, "\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 2.2 trailers that need a table", posted(frame(frameHeaders, "\x02\x00\xd1")), "conn QPACK_DECOMPRESSION_FAILED"},
	{"9204 4.2 two encoder streams", others("\x02", "\x02"), "conn H3_STREAM_CREATION_ERROR"},
	{"9204 4.2 two decoder streams", others("\x03", "\x03"), "conn H3_STREAM_CREATION_ERROR"},
	{"9204 4.2 encoder stream closed", closed("\x02"), "conn H3_CLOSED_CRITICAL_STREAM"},
	{"9204 4.3.1 capacity 0", others("\x02\x20"), "200"},
	{"9204 4.3.1 capacity above ours", others("\x02\x3f\xe1\x1f"), "conn QPACK_ENCODER_STREAM_ERROR"},
	{"9204 4.3.2 insertion", others("\x02\xc0\x01a"), "conn QPACK_ENCODER_STREAM_ERROR"},
	{"9204 4.4.1 acknowledgement of nothing", others("\x03\x80"), "conn QPACK_DECODER_STREAM_ERROR"},
	{"9204 4.4.2 cancellation", others("\x03\x40\x7f\x81\x01\x44"), "200"},
	{"9204 4.4.3 increment", others("\x03\x01"), "conn QPACK_DECODER_STREAM_ERROR"},
}

func one(b string) func(*visitor) *reply {
	return func(p *visitor) *reply {
		p.uni(settings)
		return p.ask(b)
	}
}

func posted(b string) func(*visitor) *reply { return one(get("POST", "/") + b) }

func with(fields ...string) func(*visitor) *reply { return one(get("GET", "/", fields...)) }

func many(n int) (fields []string) {
	for range n {
		fields = append(fields, "x", "y")
	}
	return fields
}

// others opens unidirectional streams, and asks for something when the
// connection stands that.
func others(streams ...string) func(*visitor) *reply {
	return func(p *visitor) *reply {
		for _, b := range streams {
			p.uni(b)
		}
		return p.settled()
	}
}

// closed opens a unidirectional stream and ends it.
func closed(b string) func(*visitor) *reply {
	return func(p *visitor) *reply {
		_ = p.uni(b).Close()
		return p.settled()
	}
}

// settled asks until the connection has ended, or has stood 50 requests.
func (p *visitor) settled() (last *reply) {
	for range 50 {
		str, err := p.qc.OpenStream()
		if err != nil {
			return new(reply).ended(err)
		}
		_, _ = str.Write([]byte(get("GET", "/")))
		_ = str.Close()
		if last = readAnswer(str); last.String() != "200" {
			return last
		}
	}
	return last
}

func TestConformance(t *testing.T) {
	r := serve(t, echo, engine.Limits{})
	for _, tt := range conformance {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			p := r.dial()
			p.t = t
			got := tt.say(p)
			if strings.HasPrefix(tt.want, "conn ") && !got.conn { // the requests were faster than the fault
				select {
				case <-p.qc.Context().Done():
					got = new(reply).ended(context.Cause(p.qc.Context()))
				case <-time.After(5 * time.Second):
				}
			}
			if got.String() != tt.want {
				t.Errorf("%v %q, want %s", got, got.body, tt.want)
			}
		})
	}
}
