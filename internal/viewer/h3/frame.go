// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"encoding/binary"
	"strconv"
)

// The frame grammar of RFC 9114 7 and the codes of 8.1.

type frameType uint64

const (
	frameData           frameType = 0x00
	frameHeaders        frameType = 0x01
	frameCancelPush     frameType = 0x03
	frameSettings       frameType = 0x04
	framePushPromise    frameType = 0x05
	frameGoAway         frameType = 0x07
	frameMaxPushID      frameType = 0x0d
	framePriorityUpdate frameType = 0xf0700 // RFC 9218 7.2: of a request
	framePriorityPush   frameType = 0xf0701
)

// ofHTTP2 tells of types that HTTP/2 has and HTTP/3 forbids (RFC 9114 7.2.8).
func (t frameType) ofHTTP2() bool {
	return t == 0x02 || t == 0x06 || t == 0x08 || t == 0x09
}

// Types of unidirectional streams (RFC 9114 6.2, RFC 9204 4.2).
const (
	streamControl = 0x00
	streamPush    = 0x01
	streamEncoder = 0x02
	streamDecoder = 0x03
)

// Settings (RFC 9114 7.2.4.1, RFC 9204 5).
const (
	settingTableSize     = 0x01
	settingFieldSection  = 0x06
	settingBlocked       = 0x07
	settingConnect       = 0x08 // RFC 9220
	settingDatagram      = 0x33 // RFC 9297
	settingLowestUnknown = 0x34
)

// Code is an error code of RFC 9114 8.1 or RFC 9204 6.
type Code uint64

// The codes.
const (
	NoError Code = iota + 0x100
	GeneralProtocolError
	InternalError
	StreamCreationError
	ClosedCriticalStream
	FrameUnexpected
	FrameError
	ExcessiveLoad
	IDError
	SettingsError
	MissingSettings
	RequestRejected
	RequestCancelled
	RequestIncomplete
	MessageError
	ConnectError
	VersionFallback

	DecompressionFailed Code = 0x200
	EncoderStreamError  Code = 0x201
	DecoderStreamError  Code = 0x202
)

// String is the name that the RFC has.
func (c Code) String() string {
	switch c {
	case NoError:
		return "H3_NO_ERROR"
	case GeneralProtocolError:
		return "H3_GENERAL_PROTOCOL_ERROR"
	case InternalError:
		return "H3_INTERNAL_ERROR"
	case StreamCreationError:
		return "H3_STREAM_CREATION_ERROR"
	case ClosedCriticalStream:
		return "H3_CLOSED_CRITICAL_STREAM"
	case FrameUnexpected:
		return "H3_FRAME_UNEXPECTED"
	case FrameError:
		return "H3_FRAME_ERROR"
	case ExcessiveLoad:
		return "H3_EXCESSIVE_LOAD"
	case IDError:
		return "H3_ID_ERROR"
	case SettingsError:
		return "H3_SETTINGS_ERROR"
	case MissingSettings:
		return "H3_MISSING_SETTINGS"
	case RequestRejected:
		return "H3_REQUEST_REJECTED"
	case RequestCancelled:
		return "H3_REQUEST_CANCELLED"
	case RequestIncomplete:
		return "H3_REQUEST_INCOMPLETE"
	case MessageError:
		return "H3_MESSAGE_ERROR"
	case ConnectError:
		return "H3_CONNECT_ERROR"
	case VersionFallback:
		return "H3_VERSION_FALLBACK"
	case DecompressionFailed:
		return "QPACK_DECOMPRESSION_FAILED"
	case EncoderStreamError:
		return "QPACK_ENCODER_STREAM_ERROR"
	case DecoderStreamError:
		return "QPACK_DECODER_STREAM_ERROR"
	}
	return "0x" + strconv.FormatUint(uint64(c), 16)
}

// fault is why a stream is reset or, if whole is set, the connection closed.
type fault struct {
	code  Code
	why   string
	whole bool
}

func (f *fault) Error() string { return "h3: " + f.code.String() + ": " + f.why }

// streamFault and connFault make the two kinds of RFC 9114 8.
func streamFault(code Code, why string) *fault { return &fault{code, why, false} }
func connFault(code Code, why string) *fault   { return &fault{code, why, true} }

// mostVarint is the largest integer of QUIC (RFC 9000 16).
const mostVarint = 1<<62 - 1

// readVarint reads an integer off b; n is 0 when b has not all of it.
func readVarint(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	n = 1 << (b[0] >> 6)
	if len(b) < n {
		return 0, 0
	}
	switch n {
	case 1:
		return uint64(b[0] & 0x3f), 1
	case 2:
		return uint64(binary.BigEndian.Uint16(b) & 0x3fff), 2
	case 4:
		return uint64(binary.BigEndian.Uint32(b) & 0x3fffffff), 4
	}
	return binary.BigEndian.Uint64(b) & mostVarint, 8
}

func appendVarint(b []byte, v uint64) []byte {
	switch {
	case v < 1<<6:
		return append(b, byte(v))
	case v < 1<<14:
		return binary.BigEndian.AppendUint16(b, uint16(v)|1<<14)
	case v < 1<<30:
		return binary.BigEndian.AppendUint32(b, uint32(v)|2<<30)
	}
	return binary.BigEndian.AppendUint64(b, v|3<<62)
}

func appendFrame(b []byte, t frameType, length int) []byte {
	return appendVarint(appendVarint(b, uint64(t)), uint64(length))
}
