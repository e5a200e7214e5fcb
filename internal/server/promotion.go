// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/model"
)

// A promotion gives a primary distribution the configuration that its staging
// distribution has at that moment (row E9). It is kept in the data folder and
// laid over the template at every Apply, so that neither a reload nor a restart
// undoes it, until the template speaks again: when it gives the primary what was
// promoted, or changes it in any other way. As at AWS the primary keeps its
// names and its continuous deployment policy, which is off from then on.

const promotionsFile = "promotions.json"

// promotion is one that is in force.
type promotion struct {
	Primary string    `json:"primary"` // id
	From    string    `json:"from"`    // logical id of the staging distribution
	At      time.Time `json:"at"`
	// Ref names what asked for it, so that being asked again changes nothing.
	Ref string `json:"ref,omitempty"`
	// Was is the digest of what the template gave the primary then.
	Was    string              `json:"was,omitempty"`
	Config *model.Distribution `json:"config,omitempty"`
	// Over: the template has spoken, or it was undone. Only Ref counts then.
	Over bool `json:"over,omitempty"`
}

// promotions are those in force. Server.mu guards them.
type promotions struct {
	file string
	all  []promotion
}

// openBooks reads what earlier runs have left of invalidations and promotions.
func (s *Server) openBooks() error {
	carrier := s.o.Carrier
	if carrier == nil {
		carrier = alone{s}
	}
	var err error
	if s.book, err = invalidation.Open(s.o.Data, carrier, s.log); err != nil {
		return err
	}
	s.promoted = &promotions{file: filepath.Join(s.o.Data, promotionsFile)}
	b, err := os.ReadFile(s.promoted.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s.promoted.all)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.promoted.file, err)
	}
	return nil
}

// save writes all in place of what the file has.
func (p *promotions) save(all []promotion) error {
	all = slices.DeleteFunc(all, func(o promotion) bool { return o.Over && o.Ref == "" })
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("promotions: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(p.file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(p.file+".new", b, 0o600); err != nil {
		return err
	}
	if err := os.Rename(p.file+".new", p.file); err != nil {
		return err
	}
	p.all = all
	return nil
}

// content is a distribution without what a promotion leaves alone.
func content(d *model.Distribution) model.Distribution {
	c := *d
	c.LogicalID, c.ID, c.ARN, c.DomainName, c.Pos, c.Aliases, c.Staging, c.Deployment = "", "", "", "", "", nil, false, nil
	return c
}

func digestOf(d *model.Distribution) string {
	b, _ := json.Marshal(content(d)) // plain structs
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// over lays the promotions over stacks, which it leaves as they are. left are
// those that are still in force.
func (s *Server) over(stacks []*model.Stack, all []promotion) (out []*model.Stack, left []promotion) {
	out, left = slices.Clone(stacks), slices.Clone(all)
	for i, st := range out {
		copied := false
		for j, d := range st.Distributions {
			at := slices.IndexFunc(left, func(p promotion) bool { return p.Primary == d.ID && !p.Over })
			if at < 0 {
				continue
			}
			p := left[at]
			if now := digestOf(d); now != p.Was {
				why := "the template gives it another configuration than it had then"
				if now == digestOf(p.Config) {
					why = "the template says the same now"
				}
				s.log.Info("a promotion is over: "+why, "distribution", d.LogicalID, "from", p.From)
				left[at].Over, left[at].Config, left[at].Was = true, nil, ""
				continue
			}
			if !copied {
				c := *st
				c.Distributions = slices.Clone(st.Distributions)
				out[i], st, copied = &c, &c, true
			}
			st.Distributions[j] = promoted(d, p.Config)
			s.log.Warn("the distribution runs what was promoted: the template differs", "distribution", d.LogicalID, "from", p.From, "since", p.At.Format(time.RFC3339))
		}
	}
	return out, left
}

// promoted is primary with the configuration of staging.
func promoted(primary, staging *model.Distribution) *model.Distribution {
	d := content(staging)
	d.LogicalID, d.ID, d.ARN, d.DomainName, d.Pos, d.Aliases = primary.LogicalID, primary.ID, primary.ARN, primary.DomainName, primary.Pos, primary.Aliases
	if primary.Deployment != nil {
		off := *primary.Deployment
		off.Enabled = false
		d.Deployment = &off
	}
	return &d
}

// settle is called when snap is the current one: what its template has ended of
// promotions is over for good.
func (s *Server) settle(snap *Snapshot) error {
	s.applied = snap.given
	if slices.EqualFunc(snap.left, s.promoted.all, func(a, b promotion) bool { return a.Primary == b.Primary && a.Over == b.Over }) {
		return nil
	}
	return s.promoted.save(snap.left)
}

// Promote gives a primary distribution the present configuration of its staging
// distribution. What the primary has cached is dropped: it was made by another
// configuration. A ref that was seen before changes nothing; "" is none.
func (s *Server) Promote(ctx context.Context, ref, primary, staging string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.promoted.seen(primary, ref) {
		return nil
	}
	p, st := find(s.applied, primary), find(s.applied, staging)
	switch {
	case p == nil || st == nil:
		return errors.New("there is no such distribution")
	case !st.Staging || p.Deployment == nil || p.Deployment.Staging != st.ID:
		return fmt.Errorf("%s is not the staging distribution of %s", st.LogicalID, p.LogicalID)
	}
	return s.promote(ctx, promotion{
		Primary: p.ID, From: st.LogicalID, At: time.Now().UTC().Truncate(time.Second), Ref: ref, Was: digestOf(p), Config: st,
	})
}

// Demote ends the promotion of a distribution: the template counts again.
func (s *Server) Demote(ctx context.Context, ref, primary string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.promoted.seen(primary, ref) {
		return nil
	}
	if !slices.ContainsFunc(s.promoted.all, func(o promotion) bool { return o.Primary == primary && !o.Over }) {
		return errors.New("nothing was promoted to the distribution")
	}
	return s.promote(ctx, promotion{Primary: primary, Ref: ref, Over: true})
}

func (p *promotions) seen(primary, ref string) bool {
	return ref != "" && slices.ContainsFunc(p.all, func(o promotion) bool { return o.Primary == primary && o.Ref == ref })
}

// promote puts p in place of what its primary had. The caller holds s.mu.
func (s *Server) promote(ctx context.Context, p promotion) error {
	before := s.promoted.all
	next := slices.DeleteFunc(slices.Clone(before), func(o promotion) bool { return o.Primary == p.Primary })
	if err := s.promoted.save(append(next, p)); err != nil {
		return err
	}
	if err := s.apply(ctx, s.applied); err != nil {
		return errors.Join(err, s.promoted.save(before))
	}
	s.Drop(invalidation.Invalidation{Distribution: p.Primary, Paths: []string{"/*"}})
	return nil
}

// promotionOf tells of the promotion that a distribution runs; nil: none.
func (s *Server) promotionOf(id string) *ReadyPromotion {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.promoted.all {
		if p.Primary == id && !p.Over {
			return &ReadyPromotion{p.From, p.At, "the template gives the distribution another configuration"}
		}
	}
	return nil
}

func find(stacks []*model.Stack, id string) *model.Distribution {
	for _, st := range stacks {
		for _, d := range st.Distributions {
			if d.ID == id {
				return d
			}
		}
	}
	return nil
}

// Promote gives a distribution its staging configuration, on all nodes.
func (n node) Promote(ctx context.Context, primary, staging string) error {
	if f := n.s.o.Promote; f != nil {
		return f(ctx, primary, staging)
	}
	return n.s.Promote(ctx, "", primary, staging)
}

// Demote ends a promotion, on all nodes.
func (n node) Demote(ctx context.Context, primary string) error {
	if f := n.s.o.Promote; f != nil {
		return f(ctx, primary, "")
	}
	return n.s.Demote(ctx, "", primary)
}
