// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Content handling of REST APIs (row A21): "Content type conversions in API
// Gateway" has one table for requests and one for answers; together:
//
//	body    | handling          | becomes
//	--------+-------------------+------------------------------
//	text    | none, to text     | the text
//	text    | to binary         | what it says in base64
//	binary  | none, to binary   | the bytes
//	binary  | to text           | base64 of it
//
// A body is binary when its type is among the API's binary media types. An
// answer without handling is converted to what the viewer accepts.

const (
	toText   = "CONVERT_TO_TEXT"
	toBinary = "CONVERT_TO_BINARY"
)

// payload is a body after content handling.
type payload struct {
	bytes  []byte
	binary bool // no template may look into it
}

func convert(body []byte, binary bool, handling string) (payload, error) {
	switch {
	case binary && handling == toText:
		return payload{bytes: base64.StdEncoding.AppendEncode(nil, body)}, nil
	case binary:
		return payload{body, true}, nil
	case handling == toBinary:
		decoded, err := decodeBase64(string(body))
		if err != nil {
			return payload{}, faultf(FaultConfig, "%s: the body is no base64: %w", toBinary, err)
		}
		return payload{decoded, true}, nil
	}
	if !utf8.Valid(body) {
		body = []byte(strings.ToValidUTF8(string(body), "\ufffd"))
	}
	return payload{bytes: body}, nil
}

// convertAnswer is convert for an answer: without a handling, the first type of
// the viewer's Accept decides.
func convertAnswer(body []byte, binary, acceptsBinary bool, handling string) (payload, error) {
	if len(body) == 0 { // a mock's
		return payload{}, nil
	}
	if handling == "" {
		if handling = toText; acceptsBinary {
			handling = toBinary
		}
	}
	return convert(body, binary, handling)
}
