// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	neturl "net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/template/fidelity"
	"github.com/forelane/forelane/internal/template/tree"
)

// decoder reads a tree into a Node and collects what is wrong.
type decoder struct {
	node *Node
	dir  string // of the file
	errs []*tree.Error
}

// err joins what was found, in the order of the file.
func (d *decoder) err() error {
	slices.SortStableFunc(d.errs, func(a, b *tree.Error) int {
		return cmp.Or(a.Pos.Line-b.Pos.Line, a.Pos.Col-b.Pos.Col)
	})
	all := make([]error, len(d.errs))
	for i, e := range d.errs {
		all[i] = e
	}
	return errors.Join(all...)
}

func (d *decoder) fail(at tree.Pos, path, mend, format string, args ...any) {
	d.errs = append(d.errs, &tree.Error{Pos: at, Path: path, Msg: fmt.Sprintf(format, args...), Mend: mend})
}

// sections reads the map n by the settings at a path.
func (d *decoder) sections(n *tree.Node, path string, settings []setting) {
	if !n.IsMap() {
		d.fail(n.Pos, path, "write settings as key: value", "want settings, not a %s", n.Kind)
		return
	}
	var keys []string
	for _, s := range settings {
		keys = append(keys, s.key)
	}
	for _, e := range n.Entries {
		at := join(path, e.Key)
		if e.Earlier.Line != 0 {
			d.fail(e.KeyPos, at, "keep one of them", "it is given twice: line %d has it already", e.Earlier.Line)
			continue
		}
		i := slices.Index(keys, e.Key)
		switch {
		case i < 0:
			d.fail(e.KeyPos, at, fidelity.Nearest(e.Key, keys, "there are "+strings.Join(keys, ", ")), "there is no such setting")
		case e.Value.IsNull():
			d.fail(e.KeyPos, at, "give it a value, or remove the line for the default", "it has no value")
		case settings[i].sub != nil:
			d.node.at[at] = e.KeyPos
			d.sections(e.Value, at, settings[i].sub)
		default:
			d.node.at[at] = e.Value.Pos
			d.value(e.Value, at, settings[i])
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// value reads one value into its place.
func (d *decoder) value(n *tree.Node, path string, s setting) {
	switch to := s.to.(type) {
	case *string:
		d.text(n, path, s.form, to)
	case *bool:
		if n.Kind != tree.Bool {
			d.fail(n.Pos, path, "", "want true or false, not %s", shown(n))
			return
		}
		*to = n.Bool
	case *int:
		v, err := strconv.Atoi(n.Text)
		if n.Kind != tree.Number || err != nil || v < 0 {
			d.fail(n.Pos, path, "", "want a whole number from 0, not %s", shown(n))
			return
		}
		*to = v
	case *float64:
		v, err := strconv.ParseFloat(n.Text, 64)
		if n.Kind != tree.Number || err != nil || v < 0 {
			d.fail(n.Pos, path, "", "want a number from 0, not %s", shown(n))
			return
		}
		*to = v
	case *Size:
		v, err := ParseSize(n.Text)
		if err != nil {
			d.fail(n.Pos, path, "write it as 256MiB or 2GiB", "%s is no size", shown(n))
			return
		}
		*to = v
	case *time.Duration:
		v, err := time.ParseDuration(n.Text)
		if n.Kind != tree.String || err != nil || v < 0 {
			d.fail(n.Pos, path, "write it as 10s or 1m30s", "%s is no time", shown(n))
			return
		}
		*to = v
	case *[]string:
		d.list(n, path, s.form, to)
	case *map[string]string:
		d.texts(n, path, s.form, to)
	case *[]Role:
		d.roles(n, path, to)
	case *[]Certificate:
		d.certificates(n, path, to)
	default:
		panic(fmt.Sprintf("config: %s has a place of type %T", path, s.to))
	}
}

// shown is a value as a message names it: what may be a secret in the wrong
// place is not repeated in full.
func shown(n *tree.Node) string {
	s, ok := n.Scalar()
	if !ok {
		return "a " + n.Kind.String()
	}
	if len(s) > 40 {
		return fmt.Sprintf("a text of %d bytes", len(s))
	}
	return strconv.Quote(s)
}

// text reads a text of a form.
func (d *decoder) text(n *tree.Node, path string, f form, to *string) {
	s, ok := n.Scalar()
	if !ok || n.Kind == tree.Bool || s == "" {
		d.fail(n.Pos, path, "", "want a text, not %s", shown(n))
		return
	}
	s, mend := shape(s, f, d.dir)
	if mend != "" {
		d.fail(n.Pos, path, mend, "%s is not of the right form", shown(n))
		return
	}
	*to = s
}

// shape checks a text and brings it into the form that the node uses; mend is
// empty when it is well.
func shape(s string, f form, dir string) (out, mend string) {
	switch f {
	case anyText:
	case address:
		return listenAddress(s)
	case file:
		s = below(dir, s)
	case files:
		first, second, two := strings.Cut(s, ",")
		if s = below(dir, first); two {
			s += "," + below(dir, second)
		}
	case url:
		if u, err := neturl.Parse(s); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "", "write it as http://host:port or https://host"
		}
	case network:
		if _, err := ParseNetwork(s); err != nil {
			return "", "write it as 10.0.0.0/8 or 10.0.0.1"
		}
	case guard:
		if s != "safe" && s != "exact" {
			return "", "say safe or exact"
		}
	case peer:
		if host, port, err := net.SplitHostPort(s); err != nil || host == "" || port == "" || port == "0" {
			return "", "write it as 10.0.0.2:7900 or node-2:7900"
		}
	case nats:
		for one := range strings.SplitSeq(s, ",") {
			if u, err := neturl.Parse(one); err != nil || u.Host == "" || u.Scheme != "tls" && u.Scheme != "nats" {
				return "", "write it as tls://host:4222"
			}
		}
	case accountID:
		if len(s) != 12 || strings.Trim(s, "0123456789") != "" {
			return "", "twelve digits, in quotes"
		}
	case ip:
		if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" {
			return "", "write it as 192.0.2.1 or 2001:db8::1"
		}
	case name:
		if len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return "", "letters, digits, - and _, at most 64"
		}
	}
	return s, ""
}

// below is a path of the file in folder dir; - stays.
func below(dir, path string) string {
	if path == "-" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

func listenAddress(s string) (out, mend string) {
	const how = "write it as 127.0.0.1:8080, :8080 or off"
	if s == "off" {
		return "", ""
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", how
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", how
	}
	return s, ""
}

// ParseNetwork reads a network or a single address.
func ParseNetwork(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if a, aerr := netip.ParseAddr(s); aerr == nil && a.Zone() == "" {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil || p.Addr().Is4In6() {
		return p, fmt.Errorf("%q is no network", s)
	}
	return p.Masked(), nil
}

// list reads a list of texts; a single text is a list of one.
func (d *decoder) list(n *tree.Node, path string, f form, to *[]string) {
	items := n.Items
	if !n.IsList() {
		items = []*tree.Node{n}
	}
	out := make([]string, len(items))
	for i, it := range items {
		d.text(it, path, f, &out[i])
	}
	*to = out
}

// texts reads a map of texts.
func (d *decoder) texts(n *tree.Node, path string, f form, to *map[string]string) {
	if !n.IsMap() {
		d.fail(n.Pos, path, "write it as name: value lines", "want a map, not %s", shown(n))
		return
	}
	out := map[string]string{}
	for _, e := range n.Entries {
		if e.Earlier.Line != 0 {
			d.fail(e.KeyPos, join(path, e.Key), "keep one of them", "it is given twice: line %d has it already", e.Earlier.Line)
			continue
		}
		var v string
		d.text(e.Value, join(path, e.Key), f, &v)
		out[e.Key] = v
	}
	*to = out
}

func (d *decoder) roles(n *tree.Node, path string, to *[]Role) {
	var names []string
	d.list(n, path, anyText, &names)
	for i, s := range names {
		at := n
		if n.IsList() {
			at = n.Items[i]
		}
		switch {
		case s == "": // told already
		case !slices.Contains(roleNames(), s):
			d.fail(at.Pos, path, fidelity.Nearest(s, roleNames(), "there are "+strings.Join(roleNames(), ", ")), "there is no role %q", s)
		case slices.Contains(*to, Role(s)):
			d.fail(at.Pos, path, "keep one of them", "role %s is given twice", s)
		default:
			*to = append(*to, Role(s))
		}
	}
	if len(names) == 0 {
		d.fail(n.Pos, path, "name a role, or remove the line for all of them", "the list is empty")
	}
}

func (d *decoder) certificates(n *tree.Node, path string, to *[]Certificate) {
	if !n.IsList() {
		d.fail(n.Pos, path, "write it as - certificate: FILE", "want a list, not %s", shown(n))
		return
	}
	for i, it := range n.Items {
		var c Certificate
		at := fmt.Sprintf("%s[%d]", path, i)
		d.sections(it, at, certificateTable(&c))
		if c.Cert == "" && it.IsMap() && !it.Has("certificate") {
			d.fail(it.Pos, at, "add certificate: FILE", "it names no certificate")
		}
		*to = append(*to, c)
	}
}

// certificateTable are the settings of one certificate.
func certificateTable(c *Certificate) []setting {
	return []setting{
		{key: "certificate", doc: "The chain, PEM.", to: &c.Cert, form: file},
		{key: "key", doc: "The key, PEM; in the certificate's file when it is not given.", to: &c.Key, form: file},
	}
}
