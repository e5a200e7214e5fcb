// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What is asked of NATS. The log is one stream:
//
//	NAME.log             the entries, one message each
//	NAME.bundle.DIGEST   the bytes that entries name, in chunks (bundle.go)
//	NAME.bundle.snapshot what entries said that the log has let go (snapshot.go)
//	NAME.beat.NODE       the last beat of a node; an older one is rolled up
//
// Reads are direct gets, which any replica answers with the prefix of the
// stream that it has: what is read may be too little, but is never out of order.
// Nothing is decided by how much a read gave. Decided is only by writes, which
// a majority accepts under a condition: that the last entry is the one expected.
//
// Beside the stream are two subjects that nobody keeps, to hurry others up:
//
//	NAME-hint.head           an entry was appended
//	NAME-hint.applied        a node has applied up to a number

// tryTime is how long one request may take before it is made again.
const tryTime = 2 * time.Second

// The pauses between tries: they double.
const (
	tryPause    = 5 * time.Millisecond
	tryPauseMax = 250 * time.Millisecond
)

// link is the connection to NATS.
type link struct {
	name  string
	nc    *nats.Conn
	js    jetstream.JetStream
	ready chan struct{} // closed when the stream is there
}

func (l *link) stream() string          { return l.name + "-log" }
func (l *link) entries() string         { return l.name + ".log" }
func (l *link) beats() string           { return l.name + ".beat.*" }
func (l *link) beat(node string) string { return l.name + ".beat." + node }
func (l *link) headHint() string        { return l.name + "-hint.head" }
func (l *link) appliedHint() string     { return l.name + "-hint.applied" }
func (l *link) bundle(d Digest) string  { return l.name + ".bundle." + d.hex() }
func (l *link) snapshot() string        { return l.name + ".bundle.snapshot" } // a subject that streams of before have as well

// connect opens the connection, to the embedded server where there is one.
func connect(c *Config, in *engine) (*link, error) {
	o := []nats.Option{
		nats.Name("forelane " + c.Node), nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond),
		nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(tryTime),
		nats.ReconnectBufSize(-1), // what cannot be sent now fails now, and is tried again
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.Log.Debug("cluster: connection", "error", err) }),
	}
	if in != nil {
		o = append(o, nats.InProcessServer(in), nats.Token(in.token))
	} else {
		o = append(o, nats.RetryOnFailedConnect(true))
		if strings.Contains(c.URL, "tls://") {
			o = append(o, nats.Secure(&tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}))
		}
		if c.Credentials != "" {
			o = append(o, nats.UserCredentials(c.Credentials))
		}
	}
	nc, err := nats.Connect(c.URL, o...)
	if err != nil {
		return nil, fmt.Errorf("cluster: connect: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return &link{name: c.Name, nc: nc, js: js, ready: make(chan struct{})}, nil
}

// prepare makes the stream where it is missing, for as long as it takes.
func (l *link) prepare(ctx context.Context, c *Config) {
	var last error
	err := again(ctx, func(ctx context.Context) error {
		err := l.make(ctx, c.Replicas)
		if err != nil && (last == nil || err.Error() != last.Error()) {
			c.Log.Info("cluster: waiting for the log", "error", err)
		}
		last = err
		return err
	})
	if err == nil {
		close(l.ready)
	}
}

func (l *link) make(ctx context.Context, replicas int) error {
	_, err := l.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: l.stream(), Subjects: []string{l.entries(), l.beats(), l.name + ".bundle.*"}, Description: "entries, bundles and beats of Forelane's nodes",
		Storage: jetstream.FileStorage, Replicas: replicas, Discard: jetstream.DiscardNew, MaxBytes: -1,
		AllowDirect: true, AllowRollup: true, Duplicates: time.Second,
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil // with settings of another version, or of an operator
	}
	return err
}

// again calls f until it succeeds or ctx ends; then it returns f's last error.
func again(ctx context.Context, f func(ctx context.Context) error) error {
	for pause := tryPause; ; pause = min(2*pause, tryPauseMax) {
		try, cancel := context.WithTimeout(ctx, tryTime)
		err := f(try)
		cancel()
		if err == nil {
			return nil
		}
		if !rest(ctx, pause) {
			return err
		}
	}
}

// rest waits; false: ctx ended.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errMismatch: the last entry is another one, or an entry or a beat is on its
// way in this moment.
var errMismatch = errors.New("the last entry is another one")

// errShorter is an errMismatch: the last entry stands before the expected one.
var errShorter = fmt.Errorf("the log ends before what was read of it: %w", errMismatch)

// publish writes one message under the condition that the last entry stands at
// expected, and returns its place in the stream. Any error but an errMismatch: it
// may have been written, or not.
func (l *link) publish(ctx context.Context, m *nats.Msg, expected uint64) (seq uint64, err error) {
	rs, err := l.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return 0, err
	}
	var ack struct {
		Seq   uint64 `json:"seq"`
		Error *struct {
			ErrCode     int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(rs.Data, &ack); err != nil {
		return 0, err
	}
	switch {
	case ack.Error == nil && ack.Seq > 0:
		return ack.Seq, nil
	case ack.Error == nil:
		return 0, errors.New("no place in the answer")
	case ack.Error.ErrCode == wrongLast:
		var last uint64
		if n, _ := fmt.Sscanf(ack.Error.Description, "wrong last sequence: %d", &last); n == 1 && last < expected {
			return 0, errShorter
		}
		return 0, errMismatch
	case ack.Error.ErrCode == wrongLastBusy:
		return 0, errMismatch
	}
	return 0, errors.New(ack.Error.Description)
}

// Error codes of JetStream's API.
const (
	wrongLast     = 10071
	wrongLastBusy = 10164
)

// expect makes m be written only if the last entry stands at a place (0: there
// is none).
func (l *link) expect(m *nats.Msg, last uint64) {
	m.Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(last, 10))
	if m.Subject != l.entries() {
		m.Header.Set("Nats-Expected-Last-Subject-Sequence-Subject", l.entries())
	}
}

// message is one message of the stream.
type message struct {
	seq     uint64
	subject string
	header  nats.Header
	data    []byte
}

// get is a direct get of the log: all messages that one replica answers with.
func (l *link) get(ctx context.Context, request map[string]any) ([]message, error) {
	return l.getFrom(ctx, l.stream(), request)
}

func (l *link) getFrom(ctx context.Context, stream string, request map[string]any) ([]message, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	inbox := l.nc.NewInbox()
	sub, err := l.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }() // gone with the connection if this fails
	if err := l.nc.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, body); err != nil {
		return nil, err
	}
	var all []message
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
		case "204": // the end
			return all, nil
		case "404":
			return nil, nil
		default:
			return nil, fmt.Errorf("direct get: %s %s", status, m.Header.Get("Description"))
		}
		seq, err := strconv.ParseUint(m.Header.Get(nats.JSSequence), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("direct get: %w", err)
		}
		all = append(all, message{seq, m.Header.Get(nats.JSSubject), m.Header, m.Data})
	}
}
