// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
)

// shapesText says what Ref and Fn::GetAtt of each known type look like:
//
//	AWS::Service::Type NameProperty limit
//	  Ref        pattern
//	  Attribute  pattern
//
// NameProperty is the property that names the resource, "-" if none does;
// limit is the longest generated name. A pattern is text with placeholders:
//
//	{name}          the name, from the property or generated
//	{ref}           what Ref is
//	{P} {R} {A} {S} partition, region, account, URL suffix
//	{prop:X}        the property X as text; {prop:X|text}: else that text
//	{fn}            the name of the function that FunctionName (or
//	                TargetFunctionArn) names
//	{n}             the number of this version among those of its function
//	{an:N} {AN:N} {hex:N} {num:N} {uuid}
//	                N letters and digits, in lower or upper case, N
//	                hexadecimal or decimal digits, a UUID; the same for the
//	                same resource wherever the same placeholder stands
//
// A pattern that begins with [] is a list of one.
//
//go:embed shapes.txt
var shapesText string

// shape is what a type's identity looks like.
type shape struct {
	nameProperty string
	limit        int
	ref          string
	attrs        map[string]string
}

// shapes reads the table once.
var shapes = sync.OnceValue(func() map[string]shape {
	out := map[string]shape{}
	var cur string
	for line := range strings.Lines(shapesText) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0][0] == '#':
		case line[0] != ' ':
			cur = fields[0]
			s := shape{attrs: map[string]string{}, ref: "{name}", limit: 64}
			if len(fields) > 1 && fields[1] != "-" {
				s.nameProperty = fields[1]
			}
			if len(fields) > 2 {
				_, _ = fmt.Sscan(fields[2], &s.limit)
			}
			out[cur] = s
		case len(fields) > 1:
			s := out[cur]
			pattern := strings.Join(fields[1:], " ")
			if fields[0] == "Ref" {
				s.ref = pattern
			} else {
				s.attrs[fields[0]] = pattern
			}
			out[cur] = s
		}
	}
	return out
})

// The alphabets of invented identifiers.
const (
	lowerAlnum = "abcdefghijklmnopqrstuvwxyz0123456789"
	upperAlnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	hexDigits  = "0123456789abcdef"
	digits     = "0123456789"
)

// entropy makes identifiers that depend on nothing but its seed.
type entropy struct{ sum [sha256.Size]byte }

// seed begins an entropy for one resource of one stack.
func seed(stack, logicalID, label string) entropy {
	return entropy{sha256.Sum256([]byte(stack + "\x00" + logicalID + "\x00" + label))}
}

// token makes n characters of an alphabet.
func (e entropy) token(alphabet string, n int) string {
	out := make([]byte, 0, n)
	block := e.sum
	for i := 0; len(out) < n; i += 2 {
		if i+2 > len(block) {
			block, i = sha256.Sum256(block[:]), 0
		}
		out = append(out, alphabet[int(binary.BigEndian.Uint16(block[i:]))%len(alphabet)])
	}
	return string(out)
}

// uuid makes a version 4 UUID.
func (e entropy) uuid() string {
	b := e.sum
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
