// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
)

// Kind is what an Entry does.
type Kind uint8

// The kinds. The list is closed: a node that meets another one stops following
// and says so, for a newer node wrote it.
const (
	// Deploy puts a bundle into force as a stage of a stack, in place of the
	// one before. A rollback is a Deploy of an older bundle.
	Deploy Kind = iota + 1
	// Promote is a Deploy of what another stage (From) has.
	Promote
	// Remove takes a stage of a stack out of force, with its settings.
	Remove
	// Set puts a named value of a stage into force, in place of the one before
	// (a weight of a staging distribution, an API key); without a Value it
	// takes it out of force.
	Set
	// Invalidate drops cached objects.
	Invalidate
)

var kindWords = [...]string{"unknown", "deploy", "promote", "remove", "set", "invalidate"}

// String is the kind's word in messages and in the log.
func (k Kind) String() string {
	if int(k) >= len(kindWords) || k == 0 {
		return "unknown"
	}
	return kindWords[k]
}

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) {
	if k.String() == kindWords[0] {
		return nil, fmt.Errorf("cluster: there is no kind %d", k)
	}
	return []byte(k.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Kind) UnmarshalText(b []byte) error {
	if i := slices.Index(kindWords[1:], string(b)); i >= 0 {
		*k = Kind(i + 1)
		return nil
	}
	return fmt.Errorf("cluster: this version knows no entry of kind %q", b)
}

// Digest names a bundle by its bytes: "sha256:" and 64 hexadecimal digits.
type Digest string

// Invalidation is which objects an Invalidate drops.
type Invalidation struct {
	// ID is what the invalidation is called ("I2J0I21PCUYOIK"). Append makes one
	// where it is empty.
	ID string `json:"id,omitempty"`
	// CallerReference is the caller's own name for it, by which a repeated
	// request is known. Empty: none.
	CallerReference string `json:"callerReference,omitempty"`
	// Distribution is an id or a logical id. Empty: all distributions.
	Distribution string `json:"distribution,omitempty"`
	// Paths are exact, or prefixes that end in a star.
	Paths []string `json:"paths"`
}

// Entry is one entry of the log. Entries are never changed.
type Entry struct {
	// Number is the place in the log: 1, 2, 3 without gaps. Append sets it.
	Number uint64 `json:"number"`
	Kind   Kind   `json:"kind"`
	// Stack and Stage say what is deployed, promoted, removed or set. Stage is
	// "dev", "staging", "prod" or any other word; it may be empty.
	Stack string `json:"stack,omitempty"`
	Stage string `json:"stage,omitempty"`
	// Bundle is what Deploy and Promote put into force.
	Bundle Digest `json:"bundle,omitempty"`
	// From is the stage whose bundle a Promote takes.
	From string `json:"from,omitempty"`
	// Key and Value are those of Set. A Value has at most 64 KiB.
	Key   string `json:"key,omitempty"`
	Value []byte `json:"value,omitempty"`
	// Invalidation is that of Invalidate.
	Invalidation *Invalidation `json:"invalidation,omitempty"`
	// By and Note are for the history: who asked for it, and why.
	By   string `json:"by,omitempty"`
	Note string `json:"note,omitempty"`
	// At is when it was appended, by the clock of the node that did: for people
	// to read. Nothing is decided by it. Append sets it.
	At time.Time `json:"at"`

	// Token tells entries apart that have the same number in two logs, and
	// finds an Append again whose answer was lost; Prev is the Token of the
	// entry before: they chain the log. Append sets both.
	Token string `json:"token"`
	Prev  string `json:"prev,omitempty"`

	seq uint64 // its place in the stream
}

// AnyLast lets Append take the end of the log wherever it is.
const AnyLast = ^uint64(0)

// The errors that callers tell apart.
var (
	// ErrConflict: the log has another end than the caller expected. Read what
	// is new, and decide again.
	ErrConflict = errors.New("cluster: the log has gone on meanwhile")
	// ErrUnknownOutcome: the entry may or may not be in the log, for no answer
	// came until ctx ended. Appending it again is right for an Invalidate; for a
	// Deploy, read first.
	ErrUnknownOutcome = errors.New("cluster: no answer: the entry may be in the log or not")
	// ErrUnavailable: the log could not be reached until ctx ended. Nothing was
	// changed.
	ErrUnavailable = errors.New("cluster: the log cannot be reached")
	// ErrNoBundle: there is no bundle of that digest.
	ErrNoBundle = errors.New("cluster: there is no such bundle")
	// ErrRefused is what a Consumer wraps when an entry can never be applied on
	// this node: the Follower notes that, goes on, and Wait tells it.
	ErrRefused = errors.New("refused")
)

// Config says how a node meets the others. The zero Config with a Dir is a
// cluster of one node that listens on nothing.
type Config struct {
	// Dir is where the log's replica, bundles and the node's position are kept.
	// Required. Nobody else may read it: settings may be secret.
	Dir string
	// Node names the node; no other may have its name. Empty: a name is made
	// once and kept in Dir.
	Node string

	// Listen is the address on which the embedded server takes other nodes, and
	// Routes are the addresses of all of them (host:port; its own may be among
	// them). Both empty: it listens on nothing. Nodes speak TLS 1.3 and know
	// each other by Secret, which must then have 32 bytes or more.
	Listen string
	Routes []string
	Secret []byte
	// Replicas is how many nodes keep the log. 0: one when the embedded server
	// is alone, else three. With three, any one may be lost.
	Replicas int

	// URL is an existing cluster with JetStream to join in place of an embedded
	// server: "tls://host:4222", or "nats://" on loopback only. Several are
	// separated by commas.
	URL string
	// Credentials is a file with credentials for URL (a .creds file). Empty:
	// those in URL, or none.
	Credentials string
	// Roots are trusted for URL. Nil: the system's.
	Roots *x509.CertPool
	// Name tells several clusters at one URL apart. Empty: "forelane". Nodes of
	// one cluster have the same.
	Name string

	// Tenure is how long a node may call what it has cached current after it
	// last heard that it has missed nothing. 0: 10 s. It must be the same on all
	// nodes. Longer: a node that is lost delays completions longer. Shorter than
	// the election of a new leader (up to 9 s): each such election makes all
	// nodes revalidate for a moment.
	Tenure time.Duration

	// Entries is how many entries the log keeps; there may be a quarter more. A
	// node that was away for longer forgets what it has cached. 0: 10,000.
	Entries int

	// Log takes what an operator should know. Nil: dropped.
	Log *slog.Logger
}

// Log is what a command needs that appends entries: a Cluster has it.
type Log interface {
	// Append puts e at the end of the log and returns it with its Number, At,
	// Token and the invalidation's ID. expectLast is the number of the entry
	// that e was decided after; if another one has come, ErrConflict. AnyLast
	// appends in any case. When Append returns without an error, the entry is
	// on disk on a majority of the replicas.
	Append(ctx context.Context, e Entry, expectLast uint64) (Entry, error)
	// Last is the last entry; its Number is 0 when the log is empty.
	Last(ctx context.Context) (Entry, error)
	// Read returns up to limit entries after a number, in order; none when
	// there are no more. The log may begin behind that number.
	Read(ctx context.Context, after uint64, limit int) ([]Entry, error)
	// Past are the last deploys, promotions and removals that the log may have
	// let go, in order.
	Past(ctx context.Context) ([]Entry, error)
	// Wait returns when every live node has applied the entry of this number,
	// or cannot call what it has cached current any more. It returns ctx.Err()
	// when that is not so until ctx ends: the entry stays in the log and goes
	// on to be applied.
	Wait(ctx context.Context, number uint64) (Completion, error)
}

// Completion is what became of an entry on the nodes.
type Completion struct {
	// Applied are the nodes that have applied it.
	Applied []string `json:"applied"`
	// Refused are those that applied all up to it, but not it, and why. What
	// was in force there before is still.
	Refused map[string]string `json:"refused,omitempty"`
	// Gone are those that were heard of once, but whose tenure is surely over.
	// They apply the entry before they answer as current again.
	Gone []string `json:"gone,omitempty"`
}

// Bundles are what deploys put into force: opaque bytes, named by their digest.
// A Cluster has them.
type Bundles interface {
	// PutBundle stores what r yields and returns its digest. Storing the same
	// bytes again costs only reading them.
	PutBundle(ctx context.Context, r io.Reader) (Digest, error)
	// Bundle opens a bundle. All its bytes were verified before it returns; they
	// are kept in Dir, so that the node has them when it is alone. The caller
	// closes it.
	Bundle(ctx context.Context, d Digest) (io.ReadSeekCloser, error)
}

// Consumer is what a Follower applies entries to. Its methods are called by one
// goroutine, in the order of the log. An error is tried again, with pauses, and
// holds back all later entries; the node counts as busy meanwhile. An error that
// wraps ErrRefused is final.
//
// An entry may be applied twice, when the node ended before it noted that it was.
type Consumer interface {
	// Restore is called once, before any Apply: inForce are the entries (Deploy,
	// Promote and Set) that were in force when the node was last here, oldest
	// first. None: the node is new. Their bundles are in Dir.
	Restore(ctx context.Context, inForce []Entry) error
	// Apply applies one entry: when it returns nil, no request that begins later
	// sees what was before. An Invalidate must be durable then, too.
	Apply(ctx context.Context, e Entry) error
	// Skip takes the place of entries that the log does not have any more:
	// inForce is all that is in force now, and ended are settings that are not any
	// more. Any invalidation may have been missed: when it returns nil, nothing is
	// served that was cached before. It may be called at any time after Restore.
	Skip(ctx context.Context, inForce, ended []Entry) error
}

// Member is a node as the log knows it.
type Member struct {
	Node    string `json:"node"`
	Applied uint64 `json:"applied"`
	// Live tells that it was heard of within its tenure; Current that it said
	// then to have missed no invalidation.
	Live    bool              `json:"live"`
	Current bool              `json:"current"`
	Refused map[uint64]string `json:"refused,omitempty"`
	// Fault is why it follows no more. Empty: it does.
	Fault string `json:"fault,omitempty"`
}
