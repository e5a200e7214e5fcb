// SPDX-License-Identifier: Apache-2.0

package pydict

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// Marks of a map that is walked in the order of its entries. They stand in its
// position, where they print as no position at all.
const (
	plain = -1 // the original held it in a map of insertion order
	baked = -2 // entries were removed: the slots of the rest are kept so
)

func kept(n *tree.Node) bool { return n.Pos.Line == 0 && n.Pos.Col < 0 }

// KeepOrder marks a map made by the transform as one that is walked in the
// order of its entries, and returns it.
func KeepOrder(n *tree.Node) *tree.Node {
	n.Pos = tree.Pos{Col: plain}
	return n
}

// Written tells whether the user wrote what stands at p.
func Written(p tree.Pos) bool { return p.Line > 0 }

// Order returns the entries of a map in the order of a walk.
func Order(n *tree.Node) []tree.Entry {
	if !n.IsMap() || kept(n) || len(n.Entries) < 2 {
		if n == nil {
			return nil
		}
		return n.Entries
	}
	k := NewKeys()
	at := make(map[string]int, len(n.Entries))
	for i := range n.Entries {
		k.Add(n.Entries[i].Key)
		at[n.Entries[i].Key] = i
	}
	out := make([]tree.Entry, 0, len(n.Entries))
	for _, s := range k.List() {
		out = append(out, n.Entries[at[s]])
	}
	return out
}

// OrderKeys returns the keys of a map in the order of a walk.
func OrderKeys(n *tree.Node) []string {
	es := Order(n)
	out := make([]string, len(es))
	for i := range es {
		out[i] = es[i].Key
	}
	return out
}

// Copy copies n deeply as the original did: every map is filled anew in the
// order of a walk.
func Copy(n *tree.Node) *tree.Node {
	if n == nil {
		return nil
	}
	c := *n
	if n.Items != nil {
		c.Items = make([]*tree.Node, len(n.Items))
		for i, it := range n.Items {
			c.Items[i] = Copy(it)
		}
	}
	if n.Entries != nil {
		c.Entries = append([]tree.Entry(nil), Order(n)...)
		if kept(n) && n.Pos.Col == baked {
			c.Pos = tree.Pos{}
		}
		for i := range c.Entries {
			c.Entries[i].Value = Copy(c.Entries[i].Value)
		}
	}
	return &c
}

// Settle is Copy in place. It tells whether the order of any map changed; if
// none did, settling the same tree again changes nothing either.
func Settle(n *tree.Node) (changed bool) {
	if n == nil {
		return false
	}
	for _, it := range n.Items {
		changed = Settle(it) || changed
	}
	changed = SettleKeys(n) || changed
	for i := range n.Entries {
		changed = Settle(n.Entries[i].Value) || changed
	}
	return changed
}

// SettleKeys settles the map n itself and not its values.
func SettleKeys(n *tree.Node) (changed bool) {
	if !n.IsMap() {
		return false
	}
	if kept(n) {
		if n.Pos.Col == baked {
			n.Pos = tree.Pos{}
			return true
		}
		return false
	}
	es := Order(n)
	for i := range es {
		changed = changed || es[i].Key != n.Entries[i].Key
	}
	if changed {
		n.Entries = es
	}
	return changed
}

// Set puts v under key in map m. pos is the position of the text of the key:
// the zero Pos for a key that the transform made. A key that is there keeps
// its place and its position.
func Set(m *tree.Node, key string, pos tree.Pos, v *tree.Node) {
	for i := range m.Entries {
		if m.Entries[i].Key == key {
			m.Entries[i].Value = v
			return
		}
	}
	m.Entries = append(m.Entries, tree.Entry{Key: key, KeyPos: pos, Value: v})
	if kept(m) && m.Pos.Col == baked {
		m.Pos = tree.Pos{}
	}
}

// Put is Set with a key that the transform made.
func Put(m *tree.Node, key string, v *tree.Node) { Set(m, key, tree.Pos{}, v) }

// Delete removes key from map m. The others keep their slots.
func Delete(m *tree.Node, key string) {
	if !m.Has(key) {
		return
	}
	if !kept(m) {
		m.Entries = append([]tree.Entry(nil), Order(m)...)
		m.Pos = tree.Pos{Col: baked}
	}
	m.Delete(key)
}

// Mark makes a text count as written by the user.
func Mark(n *tree.Node) *tree.Node {
	if !Written(n.Pos) {
		n.Pos = tree.Pos{Line: 1}
	}
	return n
}

// Text makes a String that counts as written if the text at one of the
// positions does: joining text of the user with text of the transform gives
// text of the user.
func Text(s string, from ...tree.Pos) *tree.Node {
	n := tree.NewString(s)
	for _, p := range from {
		if Written(p) {
			n.Pos = p
			break
		}
	}
	return n
}

// Repr prints n as the original printed it before hashing.
func Repr(n *tree.Node) string {
	var b strings.Builder
	repr(&b, n)
	return b.String()
}

func repr(b *strings.Builder, n *tree.Node) {
	if n == nil {
		b.WriteString("None")
		return
	}
	switch n.Kind {
	case tree.Null:
		b.WriteString("None")
	case tree.Bool:
		if n.Bool {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case tree.Number:
		b.WriteString(base.PyNumber(n.Text))
		if _, err := strconv.ParseInt(n.Text, 10, 64); err != nil && !strings.ContainsAny(n.Text, ".eE-") {
			b.WriteByte('L') // longer than a machine word
		}
	case tree.String:
		quote(b, n.Text, Written(n.Pos))
	case tree.List:
		b.WriteByte('[')
		for i, it := range n.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			repr(b, it)
		}
		b.WriteByte(']')
	case tree.Map:
		b.WriteByte('{')
		for i, e := range Order(n) {
			if i > 0 {
				b.WriteString(", ")
			}
			quote(b, e.Key, Written(e.KeyPos))
			b.WriteString(": ")
			repr(b, e.Value)
		}
		b.WriteByte('}')
	}
}

// quote writes a string literal: in single quotes, or in double ones if the
// text has single quotes only.
func quote(b *strings.Builder, s string, written bool) {
	q := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	if written {
		b.WriteByte('u')
	}
	b.WriteByte(q)
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == rune(q):
			b.WriteByte('\\')
			b.WriteByte(q)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r >= ' ' && r <= '~', r > 0xff && !written && unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	}
	b.WriteByte(q)
}

// SpacedJSON is base.SpacedJSON with maps in the order of a walk.
func SpacedJSON(n *tree.Node) []byte { return base.SpacedJSON(Copy(n)) }
