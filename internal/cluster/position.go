// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// The position of a node is a file: how far it has applied the log, and what is
// in force. It is written behind what it says, so after a crash it may say less
// than what was applied: then entries are applied again. It never says more.

// position is the form of the file.
type position struct {
	Applied place             `json:"applied"`
	InForce []noted           `json:"inForce"`
	Refused map[uint64]string `json:"refused,omitempty"`
	// Logged is what the log says is in force, where the node refused some of it;
	// Sure that it, or InForce in its place, is all of that.
	Logged []noted `json:"logged,omitempty"`
	Sure   bool    `json:"sure,omitempty"`
	First  string  `json:"first,omitempty"` // the token of entry 1
}

// noted is an Entry with its place.
type noted struct {
	Entry
	Seq uint64 `json:"seq"`
}

func (c *Cluster) positionFile() string { return filepath.Join(c.config.Dir, "position.json") }

// restore reads the file, and has the Consumer put into force what it says.
func (f *Follower) restore(ctx context.Context) error {
	var p position
	b, err := os.ReadFile(f.c.positionFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(b, &p); err != nil {
			return fmt.Errorf("cluster: %s: %w (without it the node begins anew)", f.c.positionFile(), err)
		}
	}
	f.standing.force, f.standing.logged = entriesOf(p.InForce), entriesOf(p.Logged)
	if p.Logged == nil {
		f.standing.logged = f.standing.force
	}
	f.standing.sure = p.Sure || len(p.Refused) == 0 // a node that never refused has in force what the log says
	f.seen, f.standing.at, f.standing.refused, f.first = p.Applied, p.Applied, p.Refused, p.First
	return f.to.Restore(ctx, f.InForce())
}

// notePosition writes the file behind what was applied, until ctx ends.
func (f *Follower) notePosition(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-f.noteSoon:
		case <-ctx.Done():
		}
		f.mu.Lock()
		now := f.standing
		f.mu.Unlock()
		f.note(now)
	}
}

// note writes the file. Without it a restart applies more again.
func (f *Follower) note(s standing) {
	f.mu.Lock()
	first := f.first
	f.mu.Unlock()
	p := position{Applied: s.at, Refused: s.refused, InForce: notedOf(s.force), Sure: s.sure, First: first}
	if s.sure && !slices.EqualFunc(s.force, s.logged, func(a, b Entry) bool { return a.Number == b.Number }) {
		if p.Logged = notedOf(s.logged); p.Logged == nil {
			p.Logged = []noted{}
		}
	}
	f.noting.Lock()
	defer f.noting.Unlock()
	if s.at.Number < f.noted {
		return // a later one is there
	}
	b, err := json.Marshal(p)
	if err == nil {
		err = writeWhole(f.c.positionFile(), b)
	}
	if err != nil {
		f.c.config.Log.Error("cluster: the node's position is not kept: a restart applies more again", "error", err)
		return
	}
	f.noted = s.at.Number
}
