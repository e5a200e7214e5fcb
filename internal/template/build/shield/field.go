// SPDX-License-Identifier: Apache-2.0

package shield

import (
	"encoding/base64"
	"slices"
	"sort"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
)

// transformations are the names of text transformations.
func transformations() []string {
	return []string{
		"NONE", "COMPRESS_WHITE_SPACE", "HTML_ENTITY_DECODE", "LOWERCASE", "CMD_LINE", "URL_DECODE", "BASE64_DECODE",
		"HEX_DECODE", "MD5", "REPLACE_COMMENTS", "ESCAPE_SEQ_DECODE", "SQL_HEX_DECODE", "CSS_DECODE", "JS_DECODE",
		"NORMALIZE_PATH", "NORMALIZE_PATH_WIN", "REMOVE_NULLS", "REPLACE_NULLS", "BASE64_DECODE_EXT", "URL_DECODE_UNI",
		"UTF8_TO_UNICODE",
	}
}

// transforms reads the transformations in the order of their priorities.
func transforms(v base.Value) []string {
	type step struct {
		priority int
		name     string
	}
	var steps []step
	for _, t := range v.List() {
		only(t, "Priority", "Type")
		steps = append(steps, step{t.Get("Priority").Int(0), oneOf(t.Get("Type"), transformations()...)})
	}
	if len(steps) == 0 {
		v.Fail("add [{Priority: 0, Type: NONE}]", "TextTransformations is required")
	}
	sort.SliceStable(steps, func(i, j int) bool { return steps[i].priority < steps[j].priority })
	var names []string
	for _, s := range steps {
		names = append(names, s.name)
	}
	return names
}

func searchString(s base.Value) string {
	if enc := s.Get("SearchStringBase64"); enc.Exists() {
		text, err := base64.StdEncoding.DecodeString(enc.Text())
		if err != nil {
			enc.Fail("encode it by base64, or write SearchString", "it is no base64")
		}
		return string(text)
	}
	if s.Get("SearchString").Text() == "" {
		s.Fail("add SearchString", "there is nothing to search for")
	}
	return s.Get("SearchString").Text()
}

// inspect reads FieldToMatch and TextTransformations.
func (b *builder) inspect(s base.Value) model.ACLInspect {
	f := s.Get("FieldToMatch")
	names := []string{
		"SingleHeader", "SingleQueryArgument", "AllQueryArguments", "UriPath", "QueryString", "Body", "JsonBody", "Method",
		"Headers", "Cookies", "HeaderOrder", "JA3Fingerprint", "JA4Fingerprint", "UriFragment",
	}
	only(f, names...)
	in := model.ACLInspect{Transforms: transforms(s.Get("TextTransformations"))}
	if len(f.Pairs()) != 1 {
		f.Fail("give one of "+strings.Join(names, ", "), "a statement reads exactly one component")
		return in
	}
	p := f.Pairs()[0]
	kinds := []model.ACLFieldKind{
		model.FieldHeader, model.FieldQueryArgument, model.FieldQueryArguments, model.FieldPath, model.FieldQuery,
		model.FieldBody, model.FieldJSON, model.FieldMethod, model.FieldHeaders, model.FieldCookies, model.FieldHeaderOrder,
		model.FieldJA3, model.FieldJA4, model.FieldFragment,
	}
	if i := slices.Index(names, p.Key); i >= 0 {
		in.Kind = kinds[i]
	}
	v := p.Value
	switch in.Kind {
	case model.FieldHeader, model.FieldQueryArgument:
		only(v, "Name")
		if in.Name = v.Get("Name").Text(); in.Name == "" {
			v.Fail("add Name", "the component has no name")
		}
	case model.FieldBody, model.FieldHeaderOrder:
		only(v, "OversizeHandling")
	case model.FieldJA3, model.FieldJA4, model.FieldFragment:
		only(v, "FallbackBehavior")
		in.Fallback = v.Get("FallbackBehavior").Text() == "MATCH"
	case model.FieldJSON:
		jsonBody(&in, v)
	case model.FieldHeaders, model.FieldCookies:
		ofMap(&in, v)
	default:
		only(v)
	}
	in.Oversize = oversize(v.Get("OversizeHandling"))
	return in
}

func oversize(v base.Value) model.ACLOversize {
	if !v.Exists() {
		return model.OversizeContinue
	}
	return map[string]model.ACLOversize{"MATCH": model.OversizeMatch, "NO_MATCH": model.OversizeNoMatch}[oneOf(v, "CONTINUE", "MATCH", "NO_MATCH")]
}

func scope(v base.Value) model.ACLScope {
	return map[string]model.ACLScope{"KEY": model.ScopeKeys, "VALUE": model.ScopeValues}[oneOf(v, "ALL", "KEY", "VALUE")]
}

func jsonBody(in *model.ACLInspect, v base.Value) {
	only(v, "MatchPattern", "MatchScope", "InvalidFallbackBehavior", "OversizeHandling")
	only(v.Get("MatchPattern"), "All", "IncludedPaths")
	in.Scope = scope(v.Get("MatchScope"))
	in.Included = v.Get("MatchPattern", "IncludedPaths").Texts()
	for _, p := range v.Get("MatchPattern", "IncludedPaths").List() {
		if !strings.HasPrefix(p.Text(), "/") {
			p.Fail("write /"+p.Text(), "a JSON pointer begins with a slash")
		}
	}
	if f := v.Get("InvalidFallbackBehavior"); f.Exists() {
		in.Invalid = map[string]model.ACLInvalid{
			"MATCH": model.InvalidMatch, "NO_MATCH": model.InvalidNoMatch, "EVALUATE_AS_STRING": model.InvalidAsString,
		}[oneOf(f, "MATCH", "NO_MATCH", "EVALUATE_AS_STRING")]
	}
}

func ofMap(in *model.ACLInspect, v base.Value) {
	only(v, "MatchPattern", "MatchScope", "OversizeHandling")
	in.Scope = scope(v.Get("MatchScope"))
	p := v.Get("MatchPattern")
	only(p, "All", "IncludedHeaders", "ExcludedHeaders", "IncludedCookies", "ExcludedCookies")
	if len(p.Pairs()) != 1 {
		p.Fail("give All: {}, an Included… or an Excluded… list", "a match pattern is of exactly one kind")
	}
	in.Included = append(p.Get("IncludedHeaders").Texts(), p.Get("IncludedCookies").Texts()...)
	in.Excluded = append(p.Get("ExcludedHeaders").Texts(), p.Get("ExcludedCookies").Texts()...)
}

// customKeys reads the parts of the key of a rate-based rule.
func customKeys(list base.Value) []model.ACLRateKey {
	var out []model.ACLRateKey
	for _, v := range list.List() {
		names := []string{
			"IP", "ForwardedIP", "Header", "Cookie", "QueryArgument", "QueryString", "HTTPMethod", "UriPath", "LabelNamespace",
			"JA3Fingerprint", "JA4Fingerprint", "ASN",
		}
		only(v, names...)
		pairs := v.Pairs()
		if len(pairs) != 1 {
			v.Fail("give one of "+strings.Join(names, ", "), "a part of the key is of exactly one kind")
			continue
		}
		s := pairs[0].Value
		k := model.ACLRateKey{Kind: model.ACLRateKeyKind(max(slices.Index(names, pairs[0].Key), 0)), Name: s.Get("Name").Text()}
		switch k.Kind {
		case model.RateByHeader, model.RateByCookie, model.RateByQueryArgument:
			only(s, "Name", "TextTransformations")
			k.Transforms = transforms(s.Get("TextTransformations"))
		case model.RateByQueryString, model.RateByPath:
			only(s, "TextTransformations")
			k.Transforms = transforms(s.Get("TextTransformations"))
		case model.RateByLabel:
			only(s, "Namespace")
			k.Name = s.Get("Namespace").Text()
		case model.RateByJA3, model.RateByJA4:
			only(s, "FallbackBehavior")
			k.Fallback = s.Get("FallbackBehavior").Text() == "MATCH"
		default:
			only(s)
		}
		out = append(out, k)
	}
	if len(out) < 1 || len(out) > 5 {
		list.Fail("give 1 to 5", "a rate-based rule counts by 1 to 5 keys, not by %d", len(out))
	}
	return out
}
