// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
)

// step is a script of frames of a viewer and what the server must say.
type step struct {
	name string // RFC section, and what is sent
	do   func(p *peer2)
	want []string // beginnings of what is said, with ! of what must not be
}

func setting2(s setting, v uint32) http2.Setting {
	return http2.Setting{ID: http2.SettingID(s), Val: v}
}

func runSteps(t *testing.T, o Options, steps []step) {
	t.Helper()
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := connect(t, handler(hello), o, false)
				s.do(p)
				p.want(s.want...)
			})
		})
	}
}

func conn1(c Code, last string) []string {
	return []string{"GOAWAY " + last + " " + c.String(), "CLOSED"}
}

func raw(t frameType, flags uint8, id uint32, payload string) func(*peer2) {
	return func(p *peer2) { _ = p.WriteRawFrame(http2.FrameType(t), http2.Flags(flags), id, []byte(payload)) }
}

// Frames of wrong form, and in states where they are not allowed.
func TestRFC9113Frames(t *testing.T) {
	after := func(first, then func(*peer2)) func(*peer2) { return func(p *peer2) { first(p); then(p) } }
	get := func(p *peer2) { p.get(1) }
	post := func(p *peer2) { p.request(1, "POST", false) }
	runSteps(t, Options{}, []step{
		{"4.1 unknown type", after(raw(0x16, 0xff, 0, "12345678"), get), []string{"HEADERS 1 :status=200", "!GOAWAY"}},
		{"4.1 undefined flags and reserved bit", raw(framePing, 0x16, 1<<31, "12345678"), []string{"PING ACK 12345678"}},
		{"4.2 largest DATA", func(p *peer2) { post(p); _ = p.WriteData(1, true, make([]byte, maxFrame)) }, []string{"HEADERS 1 :status=200"}},
		{"4.2 DATA too large", func(p *peer2) { post(p); _ = p.WriteData(1, true, make([]byte, maxFrame+1)) }, conn1(FrameSizeError, "1")},
		{"4.2 HEADERS too large", func(p *peer2) { _ = p.WriteRawFrame(http2.FrameHeaders, 4, 1, make([]byte, maxFrame+1)) }, conn1(FrameSizeError, "0")},
		{"4.3 bad block", raw(frameHeaders, flagEndHeaders, 1, "\xff\xff\xff\xff\xff"), conn1(CompressionError, "1")},
		{"4.3 block interrupted by PRIORITY", after(raw(frameHeaders, 0, 1, "\x82"), raw(framePriority, 0, 1, "\x00\x00\x00\x00\x10")), conn1(ProtocolError, "0")},
		{"4.3 block interrupted by another stream", after(raw(frameHeaders, 0, 1, "\x82"), raw(frameHeaders, 4, 3, "\x82")), conn1(ProtocolError, "0")},
		{"5.1 DATA on idle", raw(frameData, 0, 1, "x"), conn1(ProtocolError, "0")},
		{"5.1 RST_STREAM on idle", raw(frameReset, 0, 1, "\x00\x00\x00\x08"), conn1(ProtocolError, "0")},
		{"5.1 WINDOW_UPDATE on idle", raw(frameWindow, 0, 1, "\x00\x00\x00\x08"), conn1(ProtocolError, "0")},
		{"5.1 CONTINUATION on idle", raw(frameContinuation, 4, 1, "\x82"), conn1(ProtocolError, "0")},
		{"5.1 DATA after END_STREAM", after(get, raw(frameData, 0, 1, "x")), conn1(StreamClosed, "1")},
		{"5.1 HEADERS after END_STREAM", after(get, func(p *peer2) { p.get(1) }), conn1(StreamClosed, "1")},
		{"5.1 CONTINUATION after END_STREAM", after(get, raw(frameContinuation, 4, 1, "\x82")), conn1(ProtocolError, "1")},
		{"5.1 WINDOW_UPDATE on closed", after(get, raw(frameWindow, 0, 1, "\x00\x00\x00\x08")), []string{"HEADERS 1 :status=200", "!GOAWAY", "!RST"}},
		{"5.1 RST_STREAM on closed", after(get, raw(frameReset, 0, 1, "\x00\x00\x00\x08")), []string{"HEADERS 1 :status=200", "!GOAWAY", "!RST"}},
		{"5.1 DATA after our RST", func(p *peer2) {
			p.request(1, "POST", false, "content-length", "1")
			_ = p.WriteData(1, false, []byte("ab"))
			_ = p.WriteData(1, true, []byte("c"))
			p.get(3)
		}, []string{"RST 1 PROTOCOL_ERROR", "HEADERS 3 :status=200", "!GOAWAY"}},
		{"5.1 DATA after the viewer's RST", func(p *peer2) {
			post(p)
			_ = p.WriteRSTStream(1, http2.ErrCodeCancel)
			_ = p.WriteData(1, true, []byte("ab"))
		}, conn1(StreamClosed, "1")},
		{"5.1.1 even identifier", func(p *peer2) { p.get(2) }, conn1(ProtocolError, "0")},
		{"5.1.1 lower identifier", func(p *peer2) { p.get(5); p.get(3) }, conn1(ProtocolError, "5")},
		{"5.3 HEADERS depends on itself", func(p *peer2) {
			_ = p.WriteHeaders(http2.HeadersFrameParam{
				StreamID: 1, EndStream: true, EndHeaders: true, Priority: http2.PriorityParam{StreamDep: 1},
				BlockFragment: p.block(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"),
			})
		}, []string{"RST 1 PROTOCOL_ERROR"}},
		{"5.3 HEADERS with priority", func(p *peer2) {
			_ = p.WriteHeaders(http2.HeadersFrameParam{
				StreamID: 3, EndStream: true, EndHeaders: true, PadLength: 7, Priority: http2.PriorityParam{StreamDep: 1, Weight: 3},
				BlockFragment: p.block(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"),
			})
		}, []string{"HEADERS 3 :status=200"}},
		{"5.5 unknown frame in a block", after(raw(frameHeaders, 0, 1, "\x82"), raw(0x16, 0, 1, "")), conn1(ProtocolError, "0")},
		{"6.1 DATA on 0", raw(frameData, 0, 0, "x"), conn1(ProtocolError, "0")},
		{"6.1 padding too long", after(post, raw(frameData, flagPadded, 1, "\x06abcde")), conn1(ProtocolError, "1")},
		{"6.1 padding without length", after(post, raw(frameData, flagPadded, 1, "")), conn1(ProtocolError, "1")},
		{"6.1 padded DATA", after(post, raw(frameData, flagPadded|flagEndStream, 1, "\x03ab\x00\x00\x00")), []string{"HEADERS 1 :status=200"}},
		{"6.2 HEADERS on 0", func(p *peer2) { p.get(0) }, conn1(ProtocolError, "0")},
		{"6.2 padding too long", raw(frameHeaders, flagPadded|flagEndHeaders, 1, "\x05\x82"), conn1(ProtocolError, "0")},
		{"6.2 priority cut off", raw(frameHeaders, flagPriority|flagEndHeaders, 1, "\x05\x82"), conn1(FrameSizeError, "0")},
		{"6.3 PRIORITY on 0", raw(framePriority, 0, 0, "\x00\x00\x00\x01\x10"), conn1(ProtocolError, "0")},
		{"6.3 PRIORITY on idle", after(raw(framePriority, 0, 5, "\x00\x00\x00\x01\x10"), get), []string{"HEADERS 1 :status=200", "!GOAWAY"}},
		{"6.3 PRIORITY of a wrong size", after(post, raw(framePriority, 0, 1, "\x00\x00\x00\x01")), []string{"RST 1 FRAME_SIZE_ERROR"}},
		{"6.3 PRIORITY on itself", after(post, raw(framePriority, 0, 1, "\x00\x00\x00\x01\x10")), []string{"RST 1 PROTOCOL_ERROR"}},
		{"6.4 RST_STREAM on 0", raw(frameReset, 0, 0, "\x00\x00\x00\x08"), conn1(ProtocolError, "0")},
		{"6.4 RST_STREAM of a wrong size", after(post, raw(frameReset, 0, 1, "\x00\x00\x08")), conn1(FrameSizeError, "1")},
		{"6.5 SETTINGS with a stream", raw(frameSettings, 0, 1, ""), conn1(ProtocolError, "0")},
		{"6.5 acknowledgement with content", raw(frameSettings, flagAck, 0, "\x00\x00\x00\x00\x00\x00"), conn1(FrameSizeError, "0")},
		{"6.5 SETTINGS of a wrong size", raw(frameSettings, 0, 0, "\x00\x03\x00"), conn1(FrameSizeError, "0")},
		{"6.5 SETTINGS are acknowledged", raw(frameSettings, 0, 0, ""), []string{"SETTINGS ACK"}},
		{"6.5.2 ENABLE_PUSH 2", func(p *peer2) { _ = p.WriteSettings(setting2(settingPush, 2)) }, conn1(ProtocolError, "0")},
		{"6.5.2 window too large", func(p *peer2) { _ = p.WriteSettings(setting2(settingWindow, 1<<31)) }, conn1(FlowControlError, "0")},
		{"6.5.2 frame size too small", func(p *peer2) { _ = p.WriteSettings(setting2(settingFrame, 16383)) }, conn1(ProtocolError, "0")},
		{"6.5.2 frame size too large", func(p *peer2) { _ = p.WriteSettings(setting2(settingFrame, 1<<24)) }, conn1(ProtocolError, "0")},
		{"6.5.2 unknown setting", func(p *peer2) { _ = p.WriteSettings(http2.Setting{ID: 0xff, Val: 1}); p.get(1) }, []string{"SETTINGS ACK", "HEADERS 1 :status=200"}},
		{"9218 2.1 priorities changed", func(p *peer2) { _ = p.WriteSettings(setting2(settingNoPriorities, 1)) }, conn1(ProtocolError, "0")},
		{"6.6 PUSH_PROMISE", raw(framePush, flagEndHeaders, 1, "\x00\x00\x00\x02\x82"), conn1(ProtocolError, "0")},
		{"6.7 PING", raw(framePing, 0, 0, "abcdefgh"), []string{"PING ACK abcdefgh"}},
		{"6.7 PING acknowledged", raw(framePing, flagAck, 0, "abcdefgh"), []string{"!PING", "!GOAWAY"}},
		{"6.7 PING with a stream", raw(framePing, 0, 1, "abcdefgh"), conn1(ProtocolError, "0")},
		{"6.7 PING of a wrong size", raw(framePing, 0, 0, "abcdefg"), conn1(FrameSizeError, "0")},
		{"6.8 GOAWAY", raw(frameGoAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00"), []string{"CLOSED"}},
		{"6.8 GOAWAY with a stream", raw(frameGoAway, 0, 1, "\x00\x00\x00\x00\x00\x00\x00\x00"), conn1(ProtocolError, "0")},
		{"6.8 GOAWAY too short", raw(frameGoAway, 0, 0, "\x00\x00\x00\x00"), conn1(FrameSizeError, "0")},
		{"6.9 increment 0", raw(frameWindow, 0, 0, "\x00\x00\x00\x00"), conn1(ProtocolError, "0")},
		{"6.9 increment 0 of a stream", after(post, raw(frameWindow, 0, 1, "\x00\x00\x00\x00")), []string{"RST 1 PROTOCOL_ERROR", "!GOAWAY"}},
		{"6.9 wrong size", raw(frameWindow, 0, 0, "\x00\x00\x00"), conn1(FrameSizeError, "0")},
		{"6.9.1 window above the limit", raw(frameWindow, 0, 0, "\x7f\xff\xff\xff"), conn1(FlowControlError, "0")},
		{"6.9.1 window of a stream above the limit", after(post, raw(frameWindow, 0, 1, "\x7f\xff\xff\xff")), []string{"RST 1 FLOW_CONTROL_ERROR", "!GOAWAY"}},
		{"6.9.2 windows of streams above the limit", func(p *peer2) {
			post(p)
			_ = p.WriteWindowUpdate(1, 100000)
			_ = p.WriteSettings(setting2(settingWindow, maxWindow))
		}, conn1(FlowControlError, "1")},
		{"6.10 many CONTINUATIONs", func(p *peer2) {
			b := p.block(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a")
			_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:1], EndStream: true})
			_ = p.WriteContinuation(1, false, b[1:2])
			_ = p.WriteContinuation(1, false, nil)
			_ = p.WriteContinuation(1, true, b[2:])
		}, []string{"HEADERS 1 :status=200"}},
		{"6.10 CONTINUATION after the end", func(p *peer2) { post(p); _ = p.WriteContinuation(1, true, nil) }, conn1(ProtocolError, "1")},
		{"6.10 CONTINUATION on 0", after(raw(frameHeaders, 0, 1, "\x82"), raw(frameContinuation, 4, 0, "\x84")), conn1(ProtocolError, "0")},
		{"6.10 CONTINUATION after DATA", func(p *peer2) {
			post(p)
			_ = p.WriteData(1, false, []byte("x"))
			_ = p.WriteContinuation(1, true, nil)
		}, conn1(ProtocolError, "1")},
		{"7 unknown error code", func(p *peer2) { post(p); _ = p.WriteRSTStream(1, 0xff); p.get(3) }, []string{"HEADERS 3 :status=200"}},
		{"9218 7.1 PRIORITY_UPDATE with a stream", raw(framePriorityUpdate, 0, 1, "\x00\x00\x00\x01u=1"), conn1(ProtocolError, "0")},
		{"9218 7.1 PRIORITY_UPDATE of stream 0", raw(framePriorityUpdate, 0, 0, "\x00\x00\x00\x00u=1"), conn1(ProtocolError, "0")},
		{"9218 7.1 PRIORITY_UPDATE too short", raw(framePriorityUpdate, 0, 0, "\x00\x00"), conn1(FrameSizeError, "0")},
	})
}

// Header blocks whose coding is at fault (RFC 7541).
func TestRFC7541Blocks(t *testing.T) {
	block := func(b string) func(*peer2) { return raw(frameHeaders, flagEndHeaders|flagEndStream, 1, b) }
	const fine = "\x82\x86\x84\x41\x01a"
	bad := conn1(CompressionError, "1")
	runSteps(t, Options{}, []step{
		{"fine", block(fine), []string{"HEADERS 1 :status=200"}},
		{"4.2 two size updates first", block("\x20\x3f\xe1\x1f" + fine), []string{"HEADERS 1 :status=200"}},
		{"4.2 size update at the end", block(fine + "\x20"), bad},
		{"6.3 size update above the setting", block("\x3f\xe2\x1f" + fine), bad},
		{"2.3.3 no such index", block(fine + "\xbf"), bad},
		{"6.1 index 0", block(fine + "\x80"), bad},
		{"5.1 integer without end", block(fine + "\xff\xff\xff\xff\xff\xff"), bad},
		{"5.2 string cut off", block(fine + "\x00\x05ab"), bad},
		{"5.2 padding longer than 7 bits", block(fine + "\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"), bad},
		{"5.2 padding of zeros", block(fine + "\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"), bad},
		{"5.2 EOS", block(fine + "\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f"), bad},
	})
}

// Requests that are no requests (RFC 9113 8).
func TestRFC9113Messages(t *testing.T) {
	malformed := []string{"RST 1 PROTOCOL_ERROR", "!GOAWAY", "!HEADERS"}
	head := func(fields ...string) func(*peer2) { return func(p *peer2) { p.head(1, true, fields...) } }
	with := func(fields ...string) func(*peer2) { return func(p *peer2) { p.get(1, fields...) } }
	status := func(s string) []string { return []string{"HEADERS 1 :status=" + s} }
	runSteps(t, Options{}, []step{
		{"8.1 second head without END_STREAM", func(p *peer2) { p.request(1, "POST", false); p.head(1, false, "a", "b") }, malformed},
		{"8.1 trailers are dropped", func(p *peer2) { p.request(1, "POST", false); p.head(1, true, "a", "b") }, status("200")},
		{"8.1 pseudo-field in trailers", func(p *peer2) { p.request(1, "POST", false); p.head(1, true, ":method", "GET") }, malformed},
		{"8.1.1 content-length too small", func(p *peer2) {
			p.request(1, "POST", false, "content-length", "1")
			_ = p.WriteData(1, true, []byte("ab"))
		}, malformed},
		{"8.1.1 content-length too large", func(p *peer2) {
			p.request(1, "POST", false, "content-length", "5")
			_ = p.WriteData(1, false, []byte("ab"))
			_ = p.WriteData(1, true, []byte("ab"))
		}, malformed},
		{"8.1.1 content-length without body", with("content-length", "5"), malformed},
		{"8.1.1 content-length 0", with("content-length", "0"), status("200")},
		{"8.1.1 content-length and trailers", func(p *peer2) {
			p.request(1, "POST", false, "content-length", "5")
			p.head(1, true, "a", "b")
		}, malformed},
		{"8.1.1 content-length no number", with("content-length", "+5"), malformed},
		{"8.1.1 two content-lengths", with("content-length", "0", "content-length", "1"), malformed},
		{"8.2.1 upper case", with("X-Test", "ok"), malformed},
		{"8.2.1 space in a name", with("x test", "ok"), malformed},
		{"8.2.1 colon in a name", with("x:test", "ok"), malformed},
		{"8.2.1 empty name", with("", "ok"), malformed},
		{"8.2.1 line feed in a value", with("x", "a\nb"), malformed},
		{"8.2.1 carriage return in a value", with("x", "a\rb"), malformed},
		{"8.2.1 zero byte in a value", with("x", "a\x00b"), malformed},
		{"8.2.1 leading space", with("x", " a"), malformed},
		{"8.2.1 trailing tab", with("x", "a\t"), malformed},
		{"8.2.2 connection", with("connection", "keep-alive"), malformed},
		{"8.2.2 keep-alive", with("keep-alive", "1"), malformed},
		{"8.2.2 proxy-connection", with("proxy-connection", "close"), malformed},
		{"8.2.2 transfer-encoding", with("transfer-encoding", "chunked"), malformed},
		{"8.2.2 upgrade", with("upgrade", "h2c"), malformed},
		{"8.2.2 te gzip", with("te", "trailers, gzip"), malformed},
		{"8.2.2 te trailers", with("te", "trailers"), status("200")},
		{"8.3 unknown pseudo-field", with(":test", "ok"), malformed},
		{"8.3 pseudo-field of answers", with(":status", "200"), malformed},
		{"8.3 pseudo-field after others", head(":method", "GET", ":scheme", "http", "x", "y", ":path", "/", ":authority", "a"), malformed},
		{"8.3.1 no method", head(":scheme", "http", ":path", "/", ":authority", "a"), malformed},
		{"8.3.1 no scheme", head(":method", "GET", ":path", "/", ":authority", "a"), malformed},
		{"8.3.1 no path", head(":method", "GET", ":scheme", "http", ":authority", "a"), malformed},
		{"8.3.1 empty path", head(":method", "GET", ":scheme", "http", ":path", "", ":authority", "a"), malformed},
		{"8.3.1 path without slash", head(":method", "GET", ":scheme", "http", ":path", "a", ":authority", "a"), malformed},
		{"8.3.1 path with space", head(":method", "GET", ":scheme", "http", ":path", "/a b", ":authority", "a"), malformed},
		{"8.3.1 path with fragment", head(":method", "GET", ":scheme", "http", ":path", "/a#b", ":authority", "a"), malformed},
		{"8.3.1 asterisk of GET", head(":method", "GET", ":scheme", "http", ":path", "*", ":authority", "a"), malformed},
		{"8.3.1 asterisk of OPTIONS", head(":method", "OPTIONS", ":scheme", "http", ":path", "*", ":authority", "a"), status("200")},
		{"8.3.1 two methods", with(":method", "GET"), malformed},
		{"8.3.1 two paths", head(":method", "GET", ":scheme", "http", ":path", "/", ":path", "/", ":authority", "a"), malformed},
		{"8.3.1 two schemes", head(":method", "GET", ":scheme", "http", ":scheme", "http", ":path", "/", ":authority", "a"), malformed},
		{"8.3.1 method with space", head(":method", "GE T", ":scheme", "http", ":path", "/", ":authority", "a"), malformed},
		{"8.3.1 foreign scheme", head(":method", "GET", ":scheme", "ftp", ":path", "/", ":authority", "a"), malformed},
		{"8.3.1 host differs", with("host", "other.example"), malformed},
		{"8.3.1 host agrees", with("host", "EXAMPLE.com"), status("200")},
		{"8.3.1 two hosts", with("host", "example.com", "host", "example.com"), malformed},
		{"8.3.1 host alone", head(":method", "GET", ":scheme", "http", ":path", "/", "host", "a"), status("200")},
		{"8.3.1 neither", head(":method", "GET", ":scheme", "http", ":path", "/"), status("400")},
		{"8.3.1 user information", head(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "u@a"), malformed},
		{"8.3.1 slash in authority", head(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a/b"), malformed},
		{"8.5 CONNECT", head(":method", "CONNECT", ":authority", "a:443"), status("405")},
		{"8.5 CONNECT with path", head(":method", "CONNECT", ":authority", "a:443", ":path", "/"), malformed},
		{"8441 extended CONNECT is off", head(":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "a"), malformed},
		{"C4 target too long", head(":method", "GET", ":scheme", "http", ":path", "/"+strings.Repeat("a", 8192), ":authority", "a"), status("414")},
		{"C4 head too large", with("x", strings.Repeat("a", 20480)), status("431")},
		{"too many fields", with(strings.Split(strings.Repeat("a,b,", 300)+"a,b", ",")...), status("431")},
	})
}

// What is wrong before the first request.
func TestRFC9113Preface(t *testing.T) {
	for _, c := range []struct {
		name, send string
		want       []string
	}{
		{"settings first", "", []string{"SETTINGS 3", "WINDOW 0", "!CLOSED"}},
		{"another protocol", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GOAWAY 0 PROTOCOL_ERROR", "CLOSED"}},
		{"wrong at the end", preface[:23] + "x", []string{"GOAWAY 0 PROTOCOL_ERROR", "CLOSED"}},
		{"no SETTINGS", preface + "\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678", []string{"GOAWAY 0 PROTOCOL_ERROR", "CLOSED"}},
		{"an acknowledgement first", preface + "\x00\x00\x00\x04\x01\x00\x00\x00\x00", []string{"GOAWAY 0 PROTOCOL_ERROR", "CLOSED"}},
		{"fine", preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00", []string{"SETTINGS ACK", "!GOAWAY"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := connect(t, handler(hello), Options{}, true)
				p.out.WriteString(c.send)
				p.want(c.want...)
			})
		})
	}
	t.Run("byte by byte", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := connect(t, handler(hello), Options{}, true)
			p.out.WriteString(preface)
			_ = p.WriteSettings()
			p.get(1)
			all := append([]byte(nil), p.out.Bytes()...)
			p.out.Reset()
			for i := range all {
				p.out.Write(all[i : i+1])
				p.see()
			}
			p.want("SETTINGS ACK", "HEADERS 1 :status=200", "DATA 1 5 END")
		})
	})
}
