// SPDX-License-Identifier: Apache-2.0

package pattern

import (
	"fmt"
	"sort"
	"strings"
)

// Hosts finds what belongs to a host name: a name given exactly wins over a
// wildcard, a longer wildcard over a shorter one. "*.example.com" stands for
// every name below example.com, of any depth, and not for example.com itself;
// a wildcard is the whole first label only. (CloudFront's own aliases hold
// for one more label or several alike.)
//
// The zero Hosts is empty. It is read-only once filled and may then be shared.
type Hosts[T any] struct {
	exact map[string]T
	wild  map[string]T // by the name behind "*", with its dot
}

// Add files v under a name or a wildcard. A name that is there already is an
// error, and so is one that no host can have.
func (h *Hosts[T]) Add(name string, v T) error {
	key := strings.TrimSuffix(strings.ToLower(name), ".")
	table := &h.exact
	if rest, ok := strings.CutPrefix(key, "*."); ok {
		key, table = "."+rest, &h.wild
	}
	if err := checkHost(strings.TrimPrefix(key, ".")); err != nil {
		return fmt.Errorf("host %q: %w", name, err)
	}
	if _, taken := (*table)[key]; taken {
		return fmt.Errorf("host %q is given twice", name)
	}
	if *table == nil {
		*table = map[string]T{}
	}
	(*table)[key] = v
	return nil
}

func checkHost(name string) error {
	if name == "" || len(name) > 253 {
		return fmt.Errorf("a host name has 1 to 253 characters")
	}
	label := 0
	for i := 0; i <= len(name); i++ {
		if i == len(name) || name[i] == '.' {
			if label == 0 || label > 63 {
				return fmt.Errorf("a label has 1 to 63 characters")
			}
			label = 0
			continue
		}
		c := name[i]
		if ('a' > c || c > 'z') && ('0' > c || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("character %q is not allowed; a wildcard is *. in front", c)
		}
		label++
	}
	return nil
}

// Find returns what belongs to host, which may carry a port, a final dot and
// capital letters. A name in lower case costs no memory.
func (h *Hosts[T]) Find(host string) (v T, ok bool) {
	host = TrimPort(host)
	host = strings.TrimSuffix(host, ".")
	host = strings.ToLower(host) // returns host itself when there is nothing to do
	if v, ok = h.exact[host]; ok || len(h.wild) == 0 {
		return v, ok
	}
	for i := 1; i < len(host); i++ { // the longest wildcard comes first
		if host[i] == '.' {
			if v, ok = h.wild[host[i:]]; ok {
				return v, true
			}
		}
	}
	return v, false
}

// Names are all names and wildcards, sorted, for messages.
func (h *Hosts[T]) Names() []string {
	names := make([]string, 0, len(h.exact)+len(h.wild))
	for n := range h.exact {
		names = append(names, n)
	}
	for n := range h.wild {
		names = append(names, "*"+n)
	}
	sort.Strings(names)
	return names
}

// TrimPort takes a port off an authority; the brackets of an IPv6 address stay.
func TrimPort(host string) string {
	for i := len(host) - 1; i >= 0; i-- {
		switch c := host[i]; {
		case c == ':':
			if strings.IndexByte(host, ':') != i && host[0] != '[' {
				return host // a bare IPv6 address
			}
			return host[:i]
		case c < '0' || c > '9':
			return host
		}
	}
	return host
}
