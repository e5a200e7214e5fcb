// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// roll is the list of tokens and agents, a file in JSON.
type roll struct {
	Tokens []*tokenEntry `json:"tokens"`
	Agents []*Agent      `json:"agents"`
}

// tokenEntry is a token that was issued. It is forgotten when it expires.
type tokenEntry struct {
	ID      string    `json:"id"`
	Digest  string    `json:"digest"`
	Names   []string  `json:"names"`
	Expires time.Time `json:"expires"`
	// Reusable tokens let any number of agents join until they expire.
	Reusable bool `json:"reusable"`
}

// Agent is one that has joined. A revoked one stays on the roll until its
// certificate has expired.
type Agent struct {
	ID      string    `json:"id"` // 16 hexadecimal digits
	Label   string    `json:"label"`
	Names   []string  `json:"names"` // origins it may serve
	Joined  time.Time `json:"joined"`
	Expires time.Time `json:"expires"`
	Token   string    `json:"token"` // id of the one it joined by
	Revoked bool      `json:"revoked"`
}

// Bounds of the roll.
const (
	maxTokens = 1000
	maxAgents = 10_000
	rollFile  = "roll.json"
)

// ErrRefused is an agent, or a token, that is not let in. Which of them it is,
// is for the operator's log.
var ErrRefused = errors.New("refused")

// Issue makes a token for names, for life.
func (a *Authority) Issue(names []string, life time.Duration, reusable bool) (Token, error) {
	t := newToken(a.Fingerprint())
	return t, a.change(func(r *roll) error {
		if len(r.Tokens) >= maxTokens {
			return fmt.Errorf("there are %d tokens that have not expired", len(r.Tokens))
		}
		r.Tokens = append(r.Tokens, &tokenEntry{ID: t.ID, Digest: digest(t.Secret), Names: slices.Clone(names), Expires: a.now().Add(life).UTC(), Reusable: reusable})
		return nil
	})
}

// Join signs for an agent that shows a token. It gives the agent's id, and its
// certificate.
func (a *Authority) Join(t Token, label string, request []byte) (id string, cert []byte, err error) {
	id = newID(8)
	if cert, err = a.sign(id, request); err != nil {
		return "", nil, err
	}
	err = a.change(func(r *roll) error {
		i := slices.IndexFunc(r.Tokens, func(e *tokenEntry) bool { return e.ID == t.ID })
		if i < 0 {
			return fmt.Errorf("%w: token %s is not known: it was used, revoked, or has expired", ErrRefused, t.ID)
		}
		e := r.Tokens[i]
		if subtle.ConstantTimeCompare([]byte(e.Digest), []byte(digest(t.Secret))) != 1 {
			return fmt.Errorf("%w: token %s has another secret", ErrRefused, t.ID)
		}
		if len(r.Agents) >= maxAgents {
			return fmt.Errorf("%w: there are %d agents", ErrRefused, len(r.Agents))
		}
		if !e.Reusable {
			r.Tokens = slices.Delete(r.Tokens, i, i+1)
		}
		now := a.now().UTC()
		r.Agents = append(r.Agents, &Agent{ID: id, Label: label, Names: e.Names, Joined: now, Expires: now.Add(AgentLife), Token: t.ID})
		return nil
	})
	return id, cert, err
}

// Renew signs again for an agent whose certificate is still good.
func (a *Authority) Renew(id string, request []byte) ([]byte, error) {
	cert, err := a.sign(id, request)
	if err != nil {
		return nil, err
	}
	return cert, a.change(func(r *roll) error {
		g := r.agent(id)
		if g == nil || g.Revoked {
			return fmt.Errorf("%w: agent %s is revoked or not known", ErrRefused, id)
		}
		g.Expires = a.now().Add(AgentLife).UTC()
		return nil
	})
}

// Names are the origins that an agent may serve now; an error when it is
// revoked or not known.
func (a *Authority) Names(id string) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if g := a.roll.agent(id); g != nil && !g.Revoked {
		return slices.Clone(g.Names), nil
	}
	// Another process of this folder may have let it in.
	if err := a.readRoll(); err != nil {
		return nil, err
	}
	if g := a.roll.agent(id); g != nil && !g.Revoked {
		return slices.Clone(g.Names), nil
	}
	return nil, fmt.Errorf("%w: agent %s is revoked or not known", ErrRefused, id)
}

// Revoke takes an agent or a token back, by its id.
func (a *Authority) Revoke(id string) error {
	return a.change(func(r *roll) error {
		if g := r.agent(id); g != nil {
			g.Revoked = true
			return nil
		}
		n := len(r.Tokens)
		r.Tokens = slices.DeleteFunc(r.Tokens, func(e *tokenEntry) bool { return e.ID == id })
		if len(r.Tokens) == n {
			return fmt.Errorf("there is no agent and no token %q", id)
		}
		return nil
	})
}

// Agents are those on the roll, by the time at which they joined.
func (a *Authority) Agents() []Agent {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Agent
	for _, g := range a.roll.Agents {
		out = append(out, *g)
	}
	return out
}

func (r *roll) agent(id string) *Agent {
	for _, g := range r.Agents {
		if g.ID == id {
			return g
		}
	}
	return nil
}

// change reads the roll, lets f change it and writes it, unless f fails.
func (a *Authority) change(f func(*roll) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	unlock, err := lock(a.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := a.readRoll(); err != nil {
		return err
	}
	a.roll.forget(a.now())
	if err := f(&a.roll); err != nil {
		return errors.Join(err, a.readRoll())
	}
	b, err := json.MarshalIndent(&a.roll, "", "  ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(a.dir, rollFile), append(b, '\n'))
}

// forget drops what has expired.
func (r *roll) forget(now time.Time) {
	r.Tokens = slices.DeleteFunc(r.Tokens, func(e *tokenEntry) bool { return !now.Before(e.Expires) })
	r.Agents = slices.DeleteFunc(r.Agents, func(g *Agent) bool { return !now.Before(g.Expires) })
}

// readRoll reads the file. a.mu is held, or nobody else has a.
func (a *Authority) readRoll() error {
	b, err := os.ReadFile(filepath.Join(a.dir, rollFile))
	if errors.Is(err, fs.ErrNotExist) {
		a.roll = roll{}
		return nil
	}
	if err != nil {
		return err
	}
	var r roll
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return fmt.Errorf("%s: %w", rollFile, err)
	}
	if slices.Contains(r.Tokens, nil) || slices.Contains(r.Agents, nil) {
		return fmt.Errorf("%s: an entry is null", rollFile)
	}
	a.roll = r
	return nil
}
