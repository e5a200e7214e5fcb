// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"encoding/binary"
	"strconv"
)

// The frame grammar of RFC 9113 4 and 6.

const (
	headerSize   = 9     // of a frame
	maxFrame     = 16384 // the largest payload that we take: the default, never raised
	largestFrame = 1<<24 - 1
	maxWindow    = 1<<31 - 1
	firstWindow  = 65535 // of the connection, and of a stream that no setting changes
	preface      = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

type frameType uint8

const (
	frameData frameType = iota
	frameHeaders
	framePriority
	frameReset
	frameSettings
	framePush
	framePing
	frameGoAway
	frameWindow
	frameContinuation
	framePriorityUpdate frameType = 0x10 // RFC 9218 7.1
)

// Flags of frames.
const (
	flagEndStream  = 0x1 // DATA, HEADERS
	flagAck        = 0x1 // SETTINGS, PING
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

type setting uint16

const (
	settingTableSize    setting = 1
	settingPush         setting = 2
	settingStreams      setting = 3
	settingWindow       setting = 4
	settingFrame        setting = 5
	settingHeaderList   setting = 6
	settingConnect      setting = 8 // RFC 8441
	settingNoPriorities setting = 9 // RFC 9218 2.1
)

// Code is an error code of RFC 9113 7.
type Code uint32

// The codes.
const (
	NoError Code = iota
	ProtocolError
	InternalError
	FlowControlError
	SettingsTimeout
	StreamClosed
	FrameSizeError
	RefusedStream
	Cancel
	CompressionError
	ConnectError
	EnhanceYourCalm
	InadequateSecurity
	HTTP11Required
)

// String is the name that the RFC has.
func (c Code) String() string {
	switch c {
	case NoError:
		return "NO_ERROR"
	case ProtocolError:
		return "PROTOCOL_ERROR"
	case InternalError:
		return "INTERNAL_ERROR"
	case FlowControlError:
		return "FLOW_CONTROL_ERROR"
	case SettingsTimeout:
		return "SETTINGS_TIMEOUT"
	case StreamClosed:
		return "STREAM_CLOSED"
	case FrameSizeError:
		return "FRAME_SIZE_ERROR"
	case RefusedStream:
		return "REFUSED_STREAM"
	case Cancel:
		return "CANCEL"
	case CompressionError:
		return "COMPRESSION_ERROR"
	case ConnectError:
		return "CONNECT_ERROR"
	case EnhanceYourCalm:
		return "ENHANCE_YOUR_CALM"
	case InadequateSecurity:
		return "INADEQUATE_SECURITY"
	case HTTP11Required:
		return "HTTP_1_1_REQUIRED"
	}
	return "0x" + strconv.FormatUint(uint64(c), 16)
}

// frameHeader is the fixed part of a frame.
type frameHeader struct {
	length int
	kind   frameType
	flags  uint8
	id     uint32
}

func (h frameHeader) has(flag uint8) bool { return h.flags&flag != 0 }

// parseHeader reads the first headerSize bytes of b.
func parseHeader(b []byte) frameHeader {
	_ = b[8]
	return frameHeader{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   frameType(b[3]), flags: b[4],
		id: binary.BigEndian.Uint32(b[5:9]) & maxWindow,
	}
}

// appendHeader writes the fixed part of a frame.
func appendHeader(b []byte, h frameHeader) []byte {
	return append(b, byte(h.length>>16), byte(h.length>>8), byte(h.length), byte(h.kind), h.flags,
		byte(h.id>>24), byte(h.id>>16), byte(h.id>>8), byte(h.id))
}

// appendWord writes a frame whose payload is one 32-bit number: RST_STREAM, WINDOW_UPDATE.
func appendWord(b []byte, t frameType, id, v uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(b, frameHeader{length: 4, kind: t, id: id}), v)
}

func appendSetting(b []byte, s setting, v uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, uint16(s)), v)
}

func appendGoAway(b []byte, last uint32, code Code, why string) []byte {
	b = appendHeader(b, frameHeader{length: 8 + len(why), kind: frameGoAway})
	b = binary.BigEndian.AppendUint32(b, last)
	b = binary.BigEndian.AppendUint32(b, uint32(code))
	return append(b, why...)
}

// unpad takes padding off the payload of DATA and HEADERS (RFC 9113 6.1).
func unpad(h frameHeader, p []byte) ([]byte, bool) {
	if !h.has(flagPadded) {
		return p, true
	}
	if len(p) == 0 || int(p[0]) >= len(p) {
		return nil, false
	}
	return p[1 : len(p)-int(p[0])], true
}

// fault is why a connection ends: a connection error of RFC 9113 5.4.1.
type fault struct {
	code Code
	why  string
}
