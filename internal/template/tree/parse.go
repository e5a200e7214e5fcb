// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Bounds of a template. CloudFormation itself takes 1 MB; the node budget
// counts what aliases expand to, so that a bomb ends here.
const (
	MaxBytes = 4 << 20
	MaxNodes = 400_000
	MaxDepth = 100
)

// Parse reads one template. Text that begins with { is read as JSON first and
// as YAML if that fails; everything else is YAML. The error is an *Error.
func Parse(file string, text []byte) (*Node, error) {
	if len(text) > MaxBytes {
		return nil, &Error{
			Pos: Pos{File: file}, Msg: fmt.Sprintf("the template has %d bytes; the limit is %d", len(text), MaxBytes),
			Mend: "split it into nested stacks, or move inline code and data to files",
		}
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		n, err := parseJSON(file, text)
		if err == nil {
			return n, nil
		}
		if m, yerr := parseYAML(file, text); yerr == nil {
			return m, nil
		}
		return nil, err
	}
	return parseYAML(file, text)
}

func parseYAML(file string, text []byte) (*Node, error) {
	var docs []yaml.Node
	if err := yaml.Load(text, &docs, yaml.WithAllDocuments()); err != nil {
		return nil, yamlError(file, text, err)
	}
	if len(docs) > 1 {
		return nil, &Error{
			Pos: Pos{file, docs[1].Line, max(docs[1].Column, 1)}, Msg: "the file holds more than one YAML document",
			Mend: "keep one template a file: remove the --- line",
		}
	}
	if len(docs) == 0 || len(docs[0].Content) == 0 && docs[0].Kind == yaml.DocumentNode {
		return nil, &Error{Pos: Pos{file, 1, 1}, Msg: "the file is empty", Mend: "a template needs a Resources section"}
	}
	c := converter{file: file, budget: MaxNodes}
	return c.convert(&docs[0], 0)
}

var yamlWhere = regexp.MustCompile(`(?:at |^)L(\d+)\.C(\d+)|line (\d+)(?:, column (\d+))?`)

// yamlError finds the place that the YAML library names in its words.
func yamlError(file string, text []byte, err error) *Error {
	msg := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "go-yaml load error in ")
	e := &Error{Pos: Pos{file, 1, 1}, Msg: "bad YAML: " + strings.ReplaceAll(msg, "\n", " ")}
	if m := yamlWhere.FindStringSubmatch(msg); m != nil {
		e.Pos.Line, _ = strconv.Atoi(m[1] + m[3])
		if col := m[2] + m[4]; col != "" {
			e.Pos.Col, _ = strconv.Atoi(col)
		}
	}
	e.Mend = "check the indentation and quotes near this line"
	if strings.Contains(msg, "tab ") || strings.Contains(msg, "cannot start any token") {
		e.Mend = unstartable(text, e.Pos)
	}
	return e
}

// unstartable tells what the character is with which no value can begin.
func unstartable(text []byte, at Pos) string {
	lines := strings.SplitN(string(text), "\n", at.Line+1)
	if at.Line <= len(lines) {
		switch line := strings.TrimLeft(lines[at.Line-1], " -"); {
		case strings.HasPrefix(line, "{%"), strings.Contains(line, ": {%"):
			return "this is the source of a template generator: run the generator first (sam init, cookiecutter)"
		case strings.Contains(line, "\t"):
		case strings.ContainsAny(line, "@`%"):
			return "quote a text that begins with @, ` or %"
		}
	}
	return "indent with spaces: YAML forbids tabs there"
}

// converter turns the library's nodes into ours and counts them, aliases
// expanded, against the budget.
type converter struct {
	file   string
	budget int
	open   []*yaml.Node // aliases being expanded, to find a cycle
}

func (c *converter) pos(y *yaml.Node) Pos { return Pos{c.file, y.Line, y.Column} }

func (c *converter) convert(y *yaml.Node, depth int) (*Node, error) {
	c.budget--
	if c.budget < 0 {
		return nil, &Error{
			Pos: c.pos(y), Msg: fmt.Sprintf("the template expands to more than %d values", MaxNodes),
			Mend: "remove nested YAML aliases",
		}
	}
	if depth > MaxDepth {
		return nil, &Error{Pos: c.pos(y), Msg: fmt.Sprintf("values nest deeper than %d levels", MaxDepth), Mend: "flatten the structure"}
	}
	switch y.Kind {
	case yaml.DocumentNode:
		return c.convert(y.Content[0], depth)
	case yaml.AliasNode:
		return c.alias(y, depth)
	}
	n, err := c.value(y, depth)
	if err != nil {
		return nil, err
	}
	if tag := y.Tag; len(tag) > 1 && tag[0] == '!' && tag[1] != '!' {
		return shortForm(tag[1:], n), nil
	}
	return n, nil
}

func (c *converter) alias(y *yaml.Node, depth int) (*Node, error) {
	for _, o := range c.open {
		if o == y.Alias {
			return nil, &Error{Pos: c.pos(y), Msg: "alias *" + y.Value + " contains itself", Mend: "break the cycle of aliases"}
		}
	}
	c.open = append(c.open, y.Alias)
	n, err := c.convert(y.Alias, depth+1)
	c.open = c.open[:len(c.open)-1]
	return n, err
}

func (c *converter) value(y *yaml.Node, depth int) (*Node, error) {
	switch y.Kind {
	case yaml.SequenceNode:
		n := &Node{Kind: List, Pos: c.pos(y), Items: make([]*Node, 0, len(y.Content))}
		for _, it := range y.Content {
			v, err := c.convert(it, depth+1)
			if err != nil {
				return nil, err
			}
			n.Items = append(n.Items, v)
		}
		return n, nil
	case yaml.MappingNode:
		return c.mapping(y, depth)
	case yaml.ScalarNode:
		return scalar(y, c.pos(y)), nil
	}
	return nil, &Error{Pos: c.pos(y), Msg: "this YAML construct has no meaning in a template"}
}

func (c *converter) mapping(y *yaml.Node, depth int) (*Node, error) {
	n := &Node{Kind: Map, Pos: c.pos(y), Entries: make([]Entry, 0, len(y.Content)/2)}
	seen := make(map[string]Pos, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			return nil, &Error{Pos: c.pos(k), Msg: "a key must be a plain text", Mend: "a list or map cannot be a key"}
		}
		v, err := c.convert(y.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		if k.Value == "<<" && k.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
			mergeInto(n, v)
			continue
		}
		earlier := seen[k.Value]
		seen[k.Value] = c.pos(k)
		n.Delete(k.Value) // an explicit key wins over a merged one, a later one over an earlier
		n.Entries = append(n.Entries, Entry{Key: k.Value, KeyPos: c.pos(k), Value: v, Earlier: earlier})
	}
	return n, nil
}

// mergeInto adds the keys of a YAML merge (<<) that n has not.
func mergeInto(n, from *Node) {
	if from.Kind == List {
		for _, it := range from.Items {
			mergeInto(n, it)
		}
		return
	}
	for _, e := range from.Entries {
		if !n.Has(e.Key) {
			n.Entries = append(n.Entries, e)
		}
	}
}

// shortForm writes a tagged value in its long form. A scalar under a tag is
// text whatever it looks like: !Ref 123 names the resource "123".
func shortForm(tag string, n *Node) *Node {
	if s, ok := n.Scalar(); ok && n.Kind != String {
		n = &Node{Kind: String, Text: s, Pos: n.Pos}
	}
	name := "Fn::" + tag
	switch tag {
	case "Ref", "Condition":
		name = tag
	case "GetAtt":
		if s, ok := n.Str(); ok {
			if a, b, found := strings.Cut(s, "."); found {
				l := NewStrings(a, b)
				l.Pos, l.Items[0].Pos, l.Items[1].Pos = n.Pos, n.Pos, n.Pos
				n = l
			}
		}
	}
	return &Node{Kind: Map, Pos: n.Pos, Entries: []Entry{{Key: name, KeyPos: n.Pos, Value: n}}}
}

var (
	reInt     = regexp.MustCompile(`^[-+]?(0|[1-9][0-9_]*)$`)
	reOctal   = regexp.MustCompile(`^[-+]?0o?[0-7_]+$`)
	reHex     = regexp.MustCompile(`^[-+]?0x[0-9a-fA-F_]+$`)
	reFloat   = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$`)
	floatMark = ".eE"
)

// scalar resolves a plain scalar as CloudFormation does: true and false are
// booleans, yes/no/on/off and dates stay text, 0644 is octal (YAML 1.1).
func scalar(y *yaml.Node, pos Pos) *Node {
	s := y.Value
	n := &Node{Kind: String, Text: s, Pos: pos}
	quoted := y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if quoted || y.Tag == "!!str" && y.Style&yaml.TaggedStyle != 0 {
		return n
	}
	switch s {
	case "", "~", "null", "Null", "NULL":
		return &Node{Kind: Null, Pos: pos}
	case "true", "True", "TRUE":
		return &Node{Kind: Bool, Bool: true, Pos: pos}
	case "false", "False", "FALSE":
		return &Node{Kind: Bool, Pos: pos}
	}
	if lit, ok := number(s); ok {
		n.Kind, n.Text = Number, lit
	}
	return n
}

// number converts a YAML 1.1 number to JSON's grammar.
func number(s string) (string, bool) {
	clean := strings.ReplaceAll(strings.TrimPrefix(s, "+"), "_", "")
	switch {
	case reInt.MatchString(s):
		return clean, true
	case reOctal.MatchString(s), reHex.MatchString(s):
		i, err := strconv.ParseInt(clean, 0, 64)
		if err != nil {
			return "", false
		}
		return strconv.FormatInt(i, 10), true
	case reFloat.MatchString(s) && strings.ContainsAny(s, floatMark) && strings.ContainsAny(s[len(s)-1:]+s[:1], "0123456789."):
		f, err := strconv.ParseFloat(clean, 64)
		if err != nil {
			return "", false
		}
		lit := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(lit, ".") {
			lit += ".0"
		}
		return lit, true
	}
	return "", false
}
