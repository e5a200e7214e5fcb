// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/tunnel/carrier"
	"github.com/forelane/forelane/internal/tunnel/identity"
)

// Choice is which carriers an agent uses.
type Choice uint8

// The choices; the zero value is QUIC with TCP beside it: the edge sends by TCP
// what is large, and each goes on where the other does not get through.
const (
	Both Choice = iota
	OnlyQUIC
	OnlyTCP
)

// AgentOptions say what an agent does.
type AgentOptions struct {
	To    string // address of the edge. Required
	Dir   string // where its key and certificate are. Required
	Token string // to join with; not needed once it has joined
	Label string // what it calls itself in the edge's log; empty: the host's name
	// Origins are the targets by the origins' names: http://host[:port] or
	// https://host[:port]. Required.
	Origins map[string]string
	Roots   *x509.CertPool // for https targets; nil: the system's
	Carrier Choice
	// Drain is how long streams may go on when the agent stops. 0: 10 s.
	Drain time.Duration
	// Silence is how long the edge may send no ping. 0: 15 s.
	Silence time.Duration
	Log     *slog.Logger // nil: dropped
	// OnState is told of each change, of one at a time; nil: nobody is.
	OnState func(State)
}

// State is what an agent tells of itself.
type State struct {
	Connected bool   // by one carrier at least
	Agent     string // its id
	Carrier   string // whose connection it is about: quic, h2
	Err       error  // of a connection that was lost or could not be had
}

// How long an agent waits before it dials again: half of it to the whole, twice
// as long after each failure.
const (
	firstWait = 250 * time.Millisecond
	lastWait  = 30 * time.Second
	dialTime  = 4 * time.Second // for a connection that is taken
)

// Agent is the private side.
type Agent struct {
	o       AgentOptions
	log     *slog.Logger
	member  *identity.Member
	targets map[string]*target
	names   []string
	pieces  sync.Pool
	joining sync.Mutex // one carrier at a time
	telling sync.Mutex // as above
	meter   metrics.Registry

	opened, failed, received, sent, connections *metrics.Counter
	connected                                   *metrics.Gauge
}

// NewAgent checks the options and reads the identity.
func NewAgent(o AgentOptions) (*Agent, error) {
	a := &Agent{o: o, log: o.Log, targets: map[string]*target{}}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.o.Drain == 0 {
		a.o.Drain = 10 * time.Second
	}
	if a.o.Silence == 0 {
		a.o.Silence = idleSilence
	}
	if a.o.Label == "" {
		a.o.Label, _ = os.Hostname() // empty is as good
	}
	if _, _, err := net.SplitHostPort(o.To); err != nil {
		return nil, fmt.Errorf("the edge's address %q: %w", o.To, err)
	}
	if len(o.Origins) == 0 || len(o.Origins) > maxNames {
		return nil, fmt.Errorf("an agent serves 1 to %d origins", maxNames)
	}
	for name, raw := range o.Origins {
		t, err := newTarget(name, raw, o.Roots)
		if err != nil {
			return nil, err
		}
		a.targets[name] = t
	}
	a.names = slices.Sorted(maps.Keys(a.targets))
	var err error
	if a.member, err = identity.OpenMember(o.Dir); err != nil {
		return nil, err
	}
	a.series()
	return a, nil
}

// idleSilence is many pings.
const idleSilence = 15 * time.Second

func newTarget(name, raw string, roots *x509.CertPool) (*target, error) {
	if !ValidName(name) {
		return nil, fmt.Errorf("%q is no name of an origin: letters, digits and . _ - : / within %d", name, maxName)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("origin %s: %q is no http or https URL", name, raw)
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("origin %s: %q: a target is a scheme, a host and a port; the template says the path", name, raw)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	t := &target{addr: net.JoinHostPort(u.Hostname(), port)}
	if u.Scheme == "https" {
		t.tls = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}}
	}
	return t, nil
}

func (a *Agent) series() {
	m := &a.meter
	a.opened = m.Counter("forelane_tunnel_streams_total", "Streams that were connected with a target.")
	a.failed = m.Counter("forelane_tunnel_target_failures_total", "Streams whose target could not be reached.")
	a.received = m.Counter("forelane_tunnel_received_bytes_total", "Bytes from the edge to targets.")
	a.sent = m.Counter("forelane_tunnel_sent_bytes_total", "Bytes from targets to the edge.")
	a.connections = m.Counter("forelane_tunnel_connections_total", "Connections to the edge.")
	a.connected = m.Gauge("forelane_tunnel_connected", "Connections to the edge that are open.")
}

// AppendMetrics appends the agent's series in Prometheus's text format.
func (a *Agent) AppendMetrics(b []byte) []byte { return a.meter.AppendText(b) }

// Names are the origins it serves.
func (a *Agent) Names() []string { return a.names }

// Run serves until ctx ends; then it lets streams finish. Its error is one that
// no patience helps against: no identity, or an edge that refuses it.
func (a *Agent) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var loops sync.WaitGroup
	first := make(chan struct{}) // closed when QUIC was tried
	over := func(k carrier.Kind, tried func()) {
		loops.Go(func() {
			if err := a.keep(ctx, k, tried); err != nil {
				stop(err)
			}
		})
	}
	if a.o.Carrier != OnlyTCP {
		over(carrier.QUIC, sync.OnceFunc(func() { close(first) }))
	} else {
		close(first)
	}
	if a.o.Carrier != OnlyQUIC {
		select {
		case <-first:
			over(carrier.HTTP2, func() {})
		case <-ctx.Done():
		}
	}
	loops.Wait()
	if err := context.Cause(ctx); fatal(err) {
		return err
	}
	return nil
}

// fatal tells whether trying again is of no use.
func fatal(err error) bool {
	var refused *JoinError
	return errors.As(err, &refused) || errors.Is(err, errNoIdentity)
}

// keep has one connection by a carrier until ctx ends. tried is called when the
// first one is there, or could not be had.
func (a *Agent) keep(ctx context.Context, k carrier.Kind, tried func()) error {
	var old sync.WaitGroup // connections that only finish
	defer old.Wait()
	defer tried()
	wait, told := firstWait, false
	for ctx.Err() == nil {
		begun := time.Now()
		s, err := a.connect(ctx, k)
		if err == nil {
			told = false
			a.connections.Inc()
			a.connected.Add(1)
			a.tell(State{Connected: true, Agent: a.member.ID(), Carrier: k.String()})
			tried()
			err = a.stay(ctx, s)
			a.connected.Add(-1)
			if err != nil {
				s.cut()
			} else {
				old.Go(func() { s.finish(ctx) })
			}
		}
		tried()
		if ctx.Err() != nil {
			return nil
		}
		if fatal(err) {
			return err
		}
		if err == nil { // the edge wants another connection
			continue
		}
		if !told || !a.Connected() {
			a.tell(State{Agent: a.member.ID(), Carrier: k.String(), Err: err})
		}
		told = true
		if time.Since(begun) > time.Minute {
			wait = firstWait
		}
		pause(ctx, wait/2+rand.N(wait/2))
		wait = min(2*wait, lastWait)
	}
	return nil
}

// tell tells what has become of a connection.
func (a *Agent) tell(s State) {
	a.telling.Lock()
	defer a.telling.Unlock()
	if s.Err != nil {
		s.Connected = a.Connected() // by the other carrier
		a.log.Warn("tunnel: no connection", "to", a.o.To, "carrier", s.Carrier, "another", s.Connected, "err", s.Err)
	} else {
		a.log.Info("tunnel: connected", "to", a.o.To, "agent", s.Agent, "carrier", s.Carrier, "origins", a.names)
	}
	if a.o.OnState != nil {
		a.o.OnState(s)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// stay is with a connection until it is lost (an error), the edge asks for
// another one (nil), or ctx ends.
func (a *Agent) stay(ctx context.Context, s *session) error {
	renew := time.NewTicker(time.Hour)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			s.leave()
			return nil
		case <-s.dismiss:
			return nil
		case <-s.over:
			return s.why()
		case <-renew.C:
			if err := a.identify(ctx); err != nil {
				a.log.Warn("tunnel: the certificate has expired", "err", err)
			}
		}
	}
}

// errNoIdentity is an agent that has neither a token nor a certificate.
var errNoIdentity = errors.New("this agent has not joined, or its certificate has expired: give it a token of `forelane tunnel token` with --token")

// identify joins where that is needed. Two carriers need one identity.
func (a *Agent) identify(ctx context.Context) error {
	a.joining.Lock()
	defer a.joining.Unlock()
	now := time.Now()
	switch {
	case !a.member.Joined(now) && a.o.Token == "":
		return errNoIdentity
	case !a.member.Joined(now):
		return a.join(ctx, a.o.Token)
	case a.member.Due(now):
		if err := a.join(ctx, ""); err != nil {
			a.log.Warn("tunnel: the certificate was not renewed", "err", err)
		}
	}
	return nil
}

// connect dials by a carrier and waits until the edge asks this agent.
func (a *Agent) connect(ctx context.Context, k carrier.Kind) (*session, error) {
	if err := a.identify(ctx); err != nil {
		return nil, err
	}
	conf := a.member.TLS(alpnTunnel)
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	c, err := a.dial(ctx, k, conf)
	if err != nil {
		return nil, err
	}
	s := newSession(a, c)
	select {
	case <-s.greets:
		return s, nil
	case <-s.over:
		err = s.why()
	case <-ctx.Done():
		err = errors.New("the edge did not take this agent: it may not know it any more")
	}
	s.cut()
	return nil, err
}

func (a *Agent) dial(ctx context.Context, k carrier.Kind, conf *tls.Config) (carrier.Agent, error) {
	if k == carrier.QUIC {
		return carrier.DialQUIC(ctx, a.o.To, conf)
	}
	c, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", a.o.To)
	if err != nil {
		return nil, err
	}
	tc := carrier.Client(c, conf)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return carrier.AgentOverTLS(tc), nil
}

// Connected tells whether there is a connection to the edge.
func (a *Agent) Connected() bool { return a.connected.Value() > 0 }
