// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Print writes n as a file with a sentence to each setting. What is at its
// default stands in a comment: the file says what the node does either way.
func Print(w io.Writer, n *Node) error {
	var b bytes.Buffer
	b.WriteString("# The configuration of a Forelane node: forelane serve --config FILE\n# A commented line shows a default.\n")
	printSettings(&b, "", table(n), table(Default()))
	_, err := w.Write(b.Bytes())
	return err
}

func printSettings(b *bytes.Buffer, indent string, now, defaults []setting) {
	for i, s := range now {
		if indent == "" {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "%s# %s\n", indent, s.doc)
		if s.sub != nil {
			fmt.Fprintf(b, "%s%s:\n", indent, s.key)
			if same(s, defaults[i]) { // a key without a value is refused
				b.Truncate(b.Len() - len(indent) - len(s.key) - 2)
				fmt.Fprintf(b, "%s#%s:\n", indent, s.key)
			}
			printSettings(b, indent+"  ", s.sub, defaults[i].sub)
			continue
		}
		text := written(s, indent)
		if same(s, defaults[i]) {
			fmt.Fprintf(b, "%s#%s: %s\n", indent, s.key, text)
			continue
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, s.key, text)
	}
}

// same tells whether a setting, or all below it, is at its default.
func same(s, def setting) bool {
	if s.sub == nil {
		return written(s, "") == written(def, "")
	}
	for i := range s.sub {
		if !same(s.sub[i], def.sub[i]) {
			return false
		}
	}
	return true
}

// written is a setting's value as YAML.
func written(s setting, indent string) string {
	switch to := s.to.(type) {
	case *string:
		if s.form == address && *to == "" {
			return "off"
		}
		return quoted(*to)
	case *bool:
		return fmt.Sprint(*to)
	case *int:
		return fmt.Sprint(*to)
	case *float64:
		return fmt.Sprint(*to)
	case *Size:
		return to.String()
	case *time.Duration:
		return to.String()
	case *[]string:
		out := make([]string, len(*to))
		for i, v := range *to {
			out[i] = quoted(v)
		}
		return "[" + strings.Join(out, ", ") + "]"
	case *[]Role:
		out := make([]string, len(*to))
		for i, v := range *to {
			out[i] = v.String()
		}
		return "[" + strings.Join(out, ", ") + "]"
	case *map[string]string:
		if len(*to) == 0 {
			return "{}"
		}
		var b strings.Builder
		for _, k := range slices.Sorted(maps.Keys(*to)) {
			fmt.Fprintf(&b, "\n%s  %s: %s", indent, quoted(k), quoted((*to)[k]))
		}
		return b.String()
	case *[]Certificate:
		if len(*to) == 0 {
			return "[]"
		}
		var b strings.Builder
		for _, c := range *to {
			fmt.Fprintf(&b, "\n%s  - certificate: %s", indent, quoted(c.Cert))
			if c.Key != "" {
				fmt.Fprintf(&b, "\n%s    key: %s", indent, quoted(c.Key))
			}
		}
		return b.String()
	}
	return ""
}

// quoted writes a text so that YAML reads it as a text.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./_:"
	first := s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z' || s[0] == '/'
	address := strings.Count(s, ".") == 3 && strings.Contains(s, ":")
	if (first || address) && strings.Trim(s, plain) == "" && !strings.HasSuffix(s, ":") && s != "true" && s != "false" && s != "null" {
		return s
	}
	j, _ := json.Marshal(s) // a JSON string is YAML; a text always encodes
	return string(j)
}
