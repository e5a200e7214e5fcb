// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

// The rule set is text in Apache's manner: a directive a line, a backslash at
// the end joins lines, and a rule with the action chain goes on in the next
// directive:
//
//	SecRule REQUEST_METHOD "@rx ^GET$" "id:920170,phase:1,chain,…"
//	    SecRule REQUEST_HEADERS:Content-Length "!@rx ^0?$" "t:none,setvar:…"

// Family is a file of the rule set: the first three digits of its rules' ids.
type Family int

// The families of rules about requests.
const (
	Methods   Family = 911
	Scanners  Family = 913
	Protocol  Family = 920
	Smuggling Family = 921
	Multipart Family = 922
	LFI       Family = 930
	RFI       Family = 931
	RCE       Family = 932
	PHP       Family = 933
	Generic   Family = 934
	XSS       Family = 941
	SQLi      Family = 942
	Fixation  Family = 943
	Java      Family = 944
)

// rule is a SecRule with what is chained to it.
type rule struct {
	id     int
	phase  int
	level  int // paranoia; 0: it steers, and finds nothing
	text   string
	links  []link
	points int
}

// link is one SecRule of a chain.
type link struct {
	variables []variable
	operator  string
	actions   string
}

// variable is what a link looks at, such as &REQUEST_HEADERS:Range.
type variable struct {
	name  string
	key   string
	count bool
	not   bool // is left out
}

const folder = "@owasp_crs"

// readRules reads all rules about requests, in their order.
func readRules() ([]rule, error) {
	files, err := fs.Glob(coreruleset.FS, folder+"/REQUEST-*.conf")
	if err != nil {
		return nil, err
	}
	var out []rule
	for _, f := range files {
		text, err := fs.ReadFile(coreruleset.FS, f)
		if err != nil {
			return nil, err
		}
		rules, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, rules...)
	}
	return out, nil
}

func parse(text string) ([]rule, error) {
	var out []rule
	var open *rule
	for _, d := range directives(text) {
		if !strings.HasPrefix(d, "SecRule ") && !strings.HasPrefix(d, "SecAction ") {
			continue
		}
		l, err := parseLink(d)
		if err != nil {
			return nil, fmt.Errorf("%.60s: %w", d, err)
		}
		if open == nil {
			open = newRule(l.actions)
		}
		open.links = append(open.links, l)
		open.text += inFolder(d) + "\n"
		if !hasAction(l.actions, "chain") {
			out = append(out, *open)
			open = nil
		}
	}
	return out, nil
}

// directives joins lines and drops remarks.
func directives(text string) []string {
	var out []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if b.Len() == 0 && (line == "" || line[0] == '#') {
			continue
		}
		more := strings.HasSuffix(line, `\`)
		b.WriteString(strings.TrimSuffix(line, `\`))
		if !more {
			out = append(out, b.String())
			b.Reset()
		}
	}
	return out
}

// inFolder points an operator that reads a file to where it lies.
func inFolder(d string) string {
	return strings.ReplaceAll(d, "FromFile ", "FromFile "+folder+"/")
}

func parseLink(d string) (link, error) {
	kind, rest, _ := strings.Cut(d, " ")
	var l link
	words := quoted(rest)
	switch {
	case kind == "SecAction" && len(words) == 1:
		l.actions = words[0]
		return l, nil
	case len(words) == 2:
	case len(words) == 3:
		l.actions = words[2]
	default:
		return l, fmt.Errorf("%d parts", len(words))
	}
	l.operator = words[1]
	for v := range strings.SplitSeq(words[0], "|") {
		var out variable
		v, out.not = strings.CutPrefix(v, "!")
		v, out.count = strings.CutPrefix(v, "&")
		out.name, out.key, _ = strings.Cut(v, ":")
		out.name = strings.ToUpper(out.name)
		l.variables = append(l.variables, out)
	}
	return l, nil
}

// quoted are the words of a directive; quotation marks hold one together.
func quoted(s string) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if s[0] != '"' {
			word, rest, _ := strings.Cut(s, " ")
			out, s = append(out, word), rest
			continue
		}
		end := 1
		for end < len(s) && s[end] != '"' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(s))
		out = append(out, s[1:end])
		s = s[min(end+1, len(s)):]
	}
	return out
}

func newRule(actions string) *rule {
	r := &rule{phase: 2}
	for _, a := range actionsOf(actions) {
		name, value, _ := strings.Cut(a, ":")
		value = strings.Trim(value, "'")
		switch name {
		case "id":
			r.id, _ = strconv.Atoi(value)
		case "phase":
			r.phase, _ = strconv.Atoi(value)
		case "tag":
			if n, ok := strings.CutPrefix(value, "paranoia-level/"); ok {
				r.level, _ = strconv.Atoi(n)
			}
		case "severity":
			r.points = map[string]int{"CRITICAL": 5, "ERROR": 4, "WARNING": 3, "NOTICE": 2}[value]
		}
	}
	return r
}

// actionsOf parts a list of actions at the commas outside of quotes.
func actionsOf(s string) []string {
	var out []string
	start, in := 0, false
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == ',' && !in:
			if a := strings.TrimSpace(s[start:i]); a != "" {
				out = append(out, a)
			}
			start = i + 1
		case s[i] == '\\':
			i++
		case s[i] == '\'':
			in = !in
		}
	}
	return out
}

// hasAction tells whether a list has an action, whatever its value.
func hasAction(actions, name string) bool {
	for _, a := range actionsOf(actions) {
		if n, _, _ := strings.Cut(a, ":"); n == name {
			return true
		}
	}
	return false
}

// settings are the variables that the rule set's own initialization sets where
// nobody did, by their names in lower case.
func settings(rules []rule) map[string]string {
	set := map[string]string{}
	for _, r := range rules {
		if r.id/1000 != 901 || len(r.links) != 1 || len(r.links[0].variables) != 1 || !r.links[0].variables[0].count {
			continue
		}
		for _, a := range actionsOf(r.links[0].actions) {
			if v, ok := strings.CutPrefix(a, "setvar:"); ok {
				name, value, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(strings.Trim(v, "'")[:3]), "tx.")+strings.Trim(v, "'")[3:], "=")
				set[strings.ToLower(name)] = value
			}
		}
	}
	for i := 0; i < 3; i++ { // some are those of others
		for name, value := range set {
			set[name] = reference.ReplaceAllStringFunc(value, func(m string) string {
				return set[strings.ToLower(m[5:len(m)-1])]
			})
		}
	}
	return set
}

var reference = regexp.MustCompile(`(?i)%\{tx\.[^}]*\}`)
