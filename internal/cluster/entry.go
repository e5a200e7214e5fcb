// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of an entry.
const (
	maxValue = 64 << 10
	maxPaths = 3000 // CloudFront's own, for one invalidation
	maxEntry = 512 << 10
)

// check refuses what no node could apply.
func (e *Entry) check() error {
	switch e.Kind {
	case Deploy, Promote:
		if e.Stack == "" || !e.Bundle.valid() {
			return fmt.Errorf("cluster: %s needs a stack and a bundle", e.Kind)
		}
	case Remove, Set:
		if e.Stack == "" || e.Kind == Set && e.Key == "" {
			return fmt.Errorf("cluster: %s needs a stack and, to set, a key", e.Kind)
		}
		if len(e.Value) > maxValue {
			return fmt.Errorf("cluster: a value of %d bytes; %d are allowed", len(e.Value), maxValue)
		}
	case Invalidate:
		if e.Invalidation == nil || len(e.Invalidation.Paths) == 0 || len(e.Invalidation.Paths) > maxPaths {
			return fmt.Errorf("cluster: an invalidation has 1 to %d paths", maxPaths)
		}
	default:
		return fmt.Errorf("cluster: there is no kind %d", e.Kind)
	}
	return nil
}

func (e *Entry) encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err == nil && len(b) > maxEntry {
		err = fmt.Errorf("cluster: an entry of %d bytes; %d are allowed", len(b), maxEntry)
	}
	return b, err
}

func decode(m message) (Entry, error) {
	e := Entry{seq: m.seq}
	err := json.Unmarshal(m.data, &e)
	if err == nil && (e.Number == 0 || e.Token == "") {
		err = errors.New("no number or token")
	}
	if err != nil {
		err = fmt.Errorf("cluster: entry at %d: %w", m.seq, err)
	}
	return e, err
}

// place is where an entry stands. The zero place is before the first.
type place struct {
	Number uint64 `json:"number"`
	Seq    uint64 `json:"seq"`
	Token  string `json:"token"`
}

func (e *Entry) place() place { return place{e.Number, e.seq, e.Token} }

// follows tells whether e is the entry right behind p.
func (e *Entry) follows(p place) bool { return e.Number == p.Number+1 && e.Prev == p.Token }

// valid tells whether d is a digest's text.
func (d Digest) valid() bool {
	h, ok := strings.CutPrefix(string(d), "sha256:")
	return ok && len(h) == 64 && strings.Trim(h, "0123456789abcdef") == ""
}

// hex is the digest's digits.
func (d Digest) hex() string { return strings.TrimPrefix(string(d), "sha256:") }

// invalidationID makes a name for an invalidation that looks like CloudFront's.
func invalidationID() string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := make([]byte, 13)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return "I" + string(b)
}

// inForce is what of the log still says how a node is to be: for each stage of
// each stack the last Deploy or Promote, and the last Set of each key.
type inForce []Entry

// with is what is in force once e is applied as well.
func (f inForce) with(e Entry) inForce {
	gone := func(o Entry) bool {
		if o.Stack != e.Stack || o.Stage != e.Stage {
			return false
		}
		switch e.Kind {
		case Remove:
			return true
		case Set:
			return o.Kind == Set && o.Key == e.Key
		case Deploy, Promote:
			return o.Kind != Set
		}
		return false
	}
	if e.Kind == Invalidate {
		return f
	}
	next := slices.DeleteFunc(slices.Clone(f), gone)
	if e.Kind == Remove || e.Kind == Set && len(e.Value) == 0 {
		return next
	}
	return append(next, e)
}
