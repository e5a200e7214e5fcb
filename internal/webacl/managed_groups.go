// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"strings"

	"github.com/forelane/forelane/internal/webacl/crs"
)

// everyPlace are the rules of a name in each place.
func everyPlace(name string) []string {
	return []string{name + "_QUERYARGUMENTS", name + "_BODY", name + "_URIPATH", name + "_COOKIE", name + "_HEADER"}
}

// commonGroup is AWSManagedRulesCommonRuleSet. Rules that enforce a policy of
// their own (methods, content types, a Host that is a number) are left out: a
// distribution has its own.
func commonGroup() *managedGroup {
	g := &managedGroup{
		name: "AWSManagedRulesCommonRuleSet", label: "awswaf:managed:aws:core-rule-set:",
		families: []crs.Family{
			crs.Scanners, crs.Protocol, crs.Smuggling, crs.Multipart, crs.LFI, crs.RFI, crs.RCE, crs.PHP, crs.Generic, crs.XSS, crs.Fixation,
		},
		checks: []check{
			{"NoUserAgent_HEADER", func(x *exam) bool { return x.rq.Header.Get("User-Agent") == "" }},
			{"SizeRestrictions_QUERYSTRING", func(x *exam) bool { return len(x.rq.Query) > 2048 }},
			{"SizeRestrictions_Cookie_HEADER", func(x *exam) bool { return len(x.rq.Header.Join("Cookie")) > 10240 }},
			{"SizeRestrictions_BODY", func(x *exam) bool { return len(x.body) > 8192 || x.more }},
			{"SizeRestrictions_URIPATH", func(x *exam) bool { return len(x.rq.Path) > 1024 }},
		},
		of: commonRule,
		rules: []string{
			"NoUserAgent_HEADER", "UserAgent_BadBots_HEADER", "SizeRestrictions_QUERYSTRING", "SizeRestrictions_Cookie_HEADER",
			"SizeRestrictions_BODY", "SizeRestrictions_URIPATH",
		},
	}
	for _, n := range []string{
		"EC2MetaDataSSRF", "GenericLFI", "RestrictedExtensions", "GenericRFI", "CrossSiteScripting",
		"OWASPProtocol", "OWASPCommandInjection", "OWASPPHP", "OWASPCode", "OWASPSessionFixation",
	} {
		g.rules = append(g.rules, everyPlace(n)...)
	}
	return g
}

func commonRule(h crs.Hit) string {
	switch h.Rule {
	case 920170, 920171, 920180, 920181, 920340, 920640: // lengths, which the viewer engines judge
		return ""
	case 920420, 920480, 920430, 920350, 920300, 920310, 920311, 920320, 920330, 920280, 920290:
		return ""
	case 934110, 934190:
		return "EC2MetaDataSSRF_" + suffix(h.Place)
	case 920440:
		return "RestrictedExtensions_" + suffix(h.Place)
	}
	name := ""
	switch crs.Family(h.Rule / 1000) {
	case crs.Scanners:
		return "UserAgent_BadBots_HEADER"
	case crs.LFI:
		name = "GenericLFI"
	case crs.RFI:
		name = "GenericRFI"
	case crs.XSS:
		name = "CrossSiteScripting"
	case crs.Protocol, crs.Smuggling, crs.Multipart:
		name = "OWASPProtocol"
	case crs.RCE:
		name = "OWASPCommandInjection"
	case crs.PHP:
		name = "OWASPPHP"
	case crs.Generic:
		name = "OWASPCode"
	case crs.Fixation:
		name = "OWASPSessionFixation"
	default:
		return ""
	}
	return name + "_" + suffix(h.Place)
}

// badInputsGroup is AWSManagedRulesKnownBadInputsRuleSet.
func badInputsGroup() *managedGroup {
	g := &managedGroup{
		name: "AWSManagedRulesKnownBadInputsRuleSet", label: "awswaf:managed:aws:known-bad-inputs:",
		families: []crs.Family{crs.Java},
		checks: []check{
			{"Host_localhost_HEADER", func(x *exam) bool { return strings.EqualFold(x.rq.Host, "localhost") }},
			{"PROPFIND_METHOD", func(x *exam) bool { return x.rq.Method == "PROPFIND" }},
			{"ExploitablePaths_URIPATH", exploitable},
		},
		rules: []string{"Host_localhost_HEADER", "PROPFIND_METHOD", "ExploitablePaths_URIPATH"},
		of: func(h crs.Hit) string {
			switch {
			case h.Rule/1000 != int(crs.Java):
				return ""
			case h.Rule >= 944150 && h.Rule < 944200:
				return "Log4JRCE_" + suffix(h.Place)
			}
			return "JavaDeserializationRCE_" + suffix(h.Place)
		},
	}
	g.rules = append(append(g.rules, everyPlace("JavaDeserializationRCE")...), everyPlace("Log4JRCE")...)
	return g
}

// exploitable are paths that only those ask for who look for a mistake.
func exploitable(x *exam) bool {
	p := lower(normalizePath(urlDecode(x.rq.Path, false)))
	for _, part := range []string{"/.git/", "/.env", "/.aws/", "/.ssh/", "/web-inf/", "/meta-inf/", "/.htpasswd", "/.svn/"} {
		if strings.Contains(p+"/", part) {
			return true
		}
	}
	return false
}

// sqlGroup is AWSManagedRulesSQLiRuleSet.
func sqlGroup() *managedGroup {
	return &managedGroup{
		name: "AWSManagedRulesSQLiRuleSet", label: "awswaf:managed:aws:sql-database:",
		families: []crs.Family{crs.SQLi},
		rules:    everyPlace("SQLi"),
		of: func(h crs.Hit) string {
			if h.Rule/1000 != int(crs.SQLi) {
				return ""
			}
			return "SQLi_" + suffix(h.Place)
		},
	}
}
