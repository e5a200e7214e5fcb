// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"encoding/binary"
	"strings"

	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types/variables"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Place is where in a request something was found.
type Place uint8

// The places.
const (
	InPath Place = iota
	InQuery
	InCookie
	InHeader
	InBody
)

// String is a word for messages.
func (p Place) String() string {
	return [...]string{"path", "query", "cookie", "header", "body", "?", "?", "?"}[p&7]
}

// kind is what an element is: the variable of Coraza that it is put into. Those
// from laterKinds on are known when the body was read.
type kind uint8

const (
	kindMethod kind = iota
	kindProtocol
	kindLine
	kindURI
	kindURIRaw
	kindFilename
	kindBasename
	kindQuery
	kindHeader
	kindCookie
	kindArgument
	kindPost
	kindBody
	kindXML
	kindFile
	kindFileName
	kindPartHeader
	kindPartFilename
	kindPartName
	kindCount
)

const laterKinds = kindPost

// element is one piece of a request.
type element struct {
	kind       kind
	key, value string
}

// single and keyed give the variable that a kind of elements stands in.
func single(v plugintypes.TransactionVariables, k kind) collection.Single {
	switch k {
	case kindMethod:
		return v.RequestMethod()
	case kindProtocol:
		return v.RequestProtocol()
	case kindLine:
		return v.RequestLine()
	case kindURI:
		return v.RequestURI()
	case kindURIRaw:
		return v.RequestURIRaw()
	case kindFilename:
		return v.RequestFilename()
	case kindBasename:
		return v.RequestBasename()
	case kindQuery:
		return v.QueryString()
	case kindBody:
		return v.RequestBody()
	}
	return nil
}

// singleOf is the kind of elements that a variable with one value holds.
func singleOf(v variables.RuleVariable) (kind, bool) {
	switch v {
	case variables.RequestMethod:
		return kindMethod, true
	case variables.RequestProtocol:
		return kindProtocol, true
	case variables.RequestLine:
		return kindLine, true
	case variables.RequestURI:
		return kindURI, true
	case variables.RequestURIRaw:
		return kindURIRaw, true
	case variables.RequestFilename:
		return kindFilename, true
	case variables.RequestBasename:
		return kindBasename, true
	case variables.QueryString:
		return kindQuery, true
	case variables.RequestBody:
		return kindBody, true
	}
	return 0, false
}

func keyed(v plugintypes.TransactionVariables, k kind) collection.Map {
	switch k {
	case kindHeader:
		return v.RequestHeaders()
	case kindCookie:
		return v.RequestCookies()
	case kindArgument:
		return v.ArgsGet()
	case kindPost:
		return v.ArgsPost()
	case kindXML:
		return v.XML()
	case kindFile:
		return v.Files()
	case kindFileName:
		return v.FilesNames()
	case kindPartHeader:
		return v.MultipartPartHeaders()
	case kindPartFilename:
		return v.MultipartFilename()
	case kindPartName:
		return v.MultipartName()
	}
	return nil
}

// elementsOf appends the elements of a transaction that has read the request.
func elementsOf(to []element, v plugintypes.TransactionVariables) []element {
	for k := range kindCount {
		if s := single(v, k); s != nil {
			if text := s.Get(); text != "" {
				to = append(to, element{k, "", text})
			}
			continue
		}
		for _, d := range keyed(v, k).FindAll() {
			to = append(to, element{k, d.Key(), d.Value()})
		}
	}
	return to
}

// put writes an element into a transaction.
func (el *element) put(v plugintypes.TransactionVariables) {
	if s := single(v, el.kind); s != nil {
		s.(interface{ Set(string) }).Set(el.value)
		return
	}
	keyed(v, el.kind).Add(el.key, el.value)
}

func (el *element) appendKey(to []byte) []byte {
	to = append(to, byte(el.kind))
	to = binary.AppendUvarint(to, uint64(len(el.key)))
	to = append(to, el.key...)
	return append(to, el.value...)
}

// place is where an element stands. What has the path and the query in it is
// the query's where there is one.
func (el *element) place(query bool) Place {
	switch el.kind {
	case kindFilename, kindBasename, kindMethod, kindProtocol:
		return InPath
	case kindLine, kindURI, kindURIRaw:
		if query {
			return InQuery
		}
		return InPath
	case kindQuery, kindArgument:
		return InQuery
	case kindCookie:
		return InCookie
	case kindHeader:
		if strings.EqualFold(el.key, "cookie") {
			return InCookie
		}
		return InHeader
	}
	return InBody
}

// placeOf is the place of a variable in a rule that joins several.
func placeOf(v variables.RuleVariable) Place {
	switch v {
	case variables.RequestMethod, variables.RequestURI, variables.RequestURIRaw, variables.RequestLine, variables.RequestFilename,
		variables.RequestBasename, variables.RequestProtocol:
		return InPath
	case variables.RequestHeaders, variables.RequestHeadersNames, variables.TX:
		return InHeader
	case variables.RequestCookies, variables.RequestCookiesNames:
		return InCookie
	case variables.RequestBody, variables.ArgsPost, variables.ArgsPostNames, variables.XML, variables.RequestXML, variables.Files,
		variables.FilesNames, variables.MultipartPartHeaders, variables.RequestBodyLength:
		return InBody
	}
	return InQuery
}

// appendHead appends all of a head that rules can read: texts with their
// lengths, so that no two heads have the same.
func appendHead(to []byte, rq *httpmsg.Request) []byte {
	to = append(to, byte(rq.Proto))
	for _, s := range [...]string{rq.Method, rq.Host, rq.Path, rq.Query} {
		to = binary.AppendUvarint(to, uint64(len(s)))
		to = append(to, s...)
	}
	for _, f := range rq.Header.Fields() {
		to = binary.AppendUvarint(to, uint64(len(f.Name)))
		to = append(to, f.Name...)
		to = binary.AppendUvarint(to, uint64(len(f.Value)))
		to = append(to, f.Value...)
	}
	return to
}
