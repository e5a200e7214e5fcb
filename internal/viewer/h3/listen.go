// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
	"github.com/forelane/forelane/internal/viewer/hello"
	"github.com/forelane/forelane/internal/viewer/mux"
)

// Options of a Listener. TLS is required; the zero value of each other field
// is usable.
type Options struct {
	// TLS is the configuration of the handshake. Its NextProtos are not used:
	// HTTP/3 is all that is spoken here.
	TLS *tls.Config
	// Limits bound viewers. A zero field is that of engine.Defaults.
	Limits engine.Limits
	// Handshake writes what requests tell of their connection's handshake.
	// Nil: the server name only. The configuration may have written to the same
	// place during the handshake: see hello.With.
	Handshake func(*httpmsg.TLS, tls.ConnectionState)
	// Log takes faults of viewers (Debug) and panics of the Handler (Error).
	// Nil: dropped.
	Log *slog.Logger
}

// Listener speaks HTTP/3 on one UDP socket.
type Listener struct {
	handle engine.Handler
	opts   Options
	limits engine.Limits
	log    *slog.Logger

	pc net.PacketConn
	tr *quic.Transport
	ln *quic.EarlyListener

	mu       sync.Mutex
	newcomer mux.Bucket         // pays for connections of unproved addresses
	conns    map[*conn]struct{} // nil: closed
	running  sync.WaitGroup     // connections
	streams  sync.Pool          // *stream
}

// QUIC's receiving windows: as in room h2 a body whose reader keeps up gets
// fast, one that nobody reads holds no more than the first window.
const (
	firstWindow      = 64 << 10
	mostStreamWindow = 256 << 10
	firstConnWindow  = 2 * firstWindow
	mostConnWindow   = 512 << 10

	uniStreams = 16 // three are needed; others are refused one by one
)

// Listen makes a Listener of a socket that it then owns.
func Listen(pc net.PacketConn, h engine.Handler, o Options) (*Listener, error) {
	l := &Listener{
		handle: h, opts: o, limits: o.Limits.OrDefaults(), log: o.Log, pc: pc,
		newcomer: mux.Bucket{Burst: newcomerBurst, Rate: newcomerRate},
		conns:    make(map[*conn]struct{}),
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.streams.New = func() any { return new(stream) }
	if o.TLS == nil {
		return nil, errors.New("h3: no TLS configuration")
	}
	l.tr = &quic.Transport{Conn: pc, VerifySourceAddress: l.suspicious, ConnContext: func(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
		return hello.With(ctx, new(httpmsg.TLS)), nil
	}}
	var err error
	l.ln, err = l.tr.ListenEarly(secured(o.TLS), &quic.Config{
		HandshakeIdleTimeout: l.limits.HeadTimeout,
		// An idle connection is closed by conn.idle: this one is for peers that
		// have vanished, also under a Handler that takes its time.
		MaxIdleTimeout:                 2 * l.limits.IdleTimeout,
		InitialStreamReceiveWindow:     firstWindow,
		MaxStreamReceiveWindow:         mostStreamWindow,
		InitialConnectionReceiveWindow: firstConnWindow,
		MaxConnectionReceiveWindow:     mostConnWindow,
		MaxIncomingStreams:             int64(l.limits.Streams),
		MaxIncomingUniStreams:          uniStreams,
		RequireStreamCreditRelease:     true,
		Allow0RTT:                      true,
	})
	if err != nil {
		return nil, errors.Join(err, l.tr.Close())
	}
	return l, nil
}

// secured is base for QUIC. quic-go clones its configuration for each
// connection, and crypto/tls rotates the keys of tickets in each clone by
// itself: so tickets are sealed and opened by base, which lives on.
func secured(base *tls.Config) *tls.Config {
	c := base.Clone()
	c.NextProtos, c.MinVersion = []string{"h3"}, tls.VersionTLS13
	if c.WrapSession == nil && c.UnwrapSession == nil {
		c.WrapSession, c.UnwrapSession = base.EncryptTicket, base.DecryptTicket
	}
	if choose := base.GetConfigForClient; choose != nil {
		c.GetConfigForClient = func(hi *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hi)
			if chosen == nil || err != nil {
				return nil, err
			}
			return secured(chosen), nil
		}
	}
	return c
}

// suspicious asks newcomers to prove their address when there are many.
func (l *Listener) suspicious(net.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.newcomer.Take(time.Now())
}

// Addr is the bound address.
func (l *Listener) Addr() net.Addr { return l.pc.LocalAddr() }

// Serve accepts until Close; it returns nil then.
func (l *Listener) Serve() error {
	for {
		qc, err := l.ln.Accept(context.Background())
		if errors.Is(err, quic.ErrServerClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		c := l.newConn(qc)
		if !l.enter(c) {
			_ = qc.CloseWithError(quic.ApplicationErrorCode(NoError), "") // it never fails
			continue
		}
		go func() {
			defer l.leave(c)
			c.serve()
		}()
	}
}

func (l *Listener) enter(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		return false
	}
	l.conns[c] = struct{}{}
	l.running.Add(1)
	return true
}

func (l *Listener) leave(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
	l.running.Done()
}

// viewer is what requests of a connection tell about it.
func (l *Listener) viewer(qc *quic.Conn) httpmsg.Viewer {
	var v httpmsg.Viewer
	if a, ok := qc.RemoteAddr().(*net.UDPAddr); ok {
		at := a.AddrPort()
		v.Addr = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	if a, ok := qc.LocalAddr().(*net.UDPAddr); ok && !a.IP.IsUnspecified() { // it listens on all addresses
		v.Local = a.AddrPort().Addr().Unmap()
	}
	st := qc.ConnectionState().TLS
	v.TLS = hello.From(qc.Context())
	if l.opts.Handshake != nil {
		l.opts.Handshake(v.TLS, st)
	} else {
		v.TLS.ServerName = st.ServerName
	}
	return v
}

// Close refuses new connections, lets requests under way finish (GOAWAY) until
// ctx ends, and cuts what is left.
func (l *Listener) Close(ctx context.Context) error {
	l.mu.Lock()
	conns := l.conns
	l.conns = nil
	all := make([]*conn, 0, len(conns))
	for c := range conns {
		all = append(all, c)
	}
	l.mu.Unlock()
	err := l.ln.Close()
	for _, c := range all {
		c.drain()
	}
	done := make(chan struct{})
	go func() {
		l.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		err = errors.Join(err, context.Cause(ctx))
		for _, c := range all {
			go c.close(NoError, "")
		}
		<-done
	}
	err = errors.Join(err, l.tr.Close(), l.pc.Close())
	if errors.Is(err, net.ErrClosed) && ctx.Err() == nil {
		return nil
	}
	return err
}
