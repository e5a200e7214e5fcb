// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

// Codes by which streams and connections end.
const (
	codeClosed  = 0
	codeAborted = 1
)

func config(incoming int64) *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout: 5 * time.Second, MaxIdleTimeout: idle, KeepAlivePeriod: keepAlive,
		MaxIncomingStreams: incoming, MaxIncomingUniStreams: -1,
		InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: maxStream,
		InitialConnectionReceiveWindow: 2 * streamWindow, MaxConnectionReceiveWindow: maxWindow,
	}
}

// Listener accepts QUIC connections on a UDP socket.
type Listener struct {
	pc net.PacketConn
	tr *quic.Transport
	ln *quic.Listener
}

// newcomers is how many handshakes of addresses that are not proved may be
// under way before newcomers must prove them (RFC 9000 8.1.2).
const newcomers = 16

// ListenQUIC makes a Listener of a socket, which it then owns.
func ListenQUIC(pc net.PacketConn, conf *tls.Config) (*Listener, error) {
	l := &Listener{pc: pc}
	var under atomic.Int64
	l.tr = &quic.Transport{
		Conn:                pc,
		VerifySourceAddress: func(net.Addr) bool { return under.Load() > newcomers },
		ConnContext: func(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
			under.Add(1)
			time.AfterFunc(5*time.Second, func() { under.Add(-1) })
			return ctx, nil
		},
	}
	c := config(1) // one stream of a peer's own: to join
	var err error
	if l.ln, err = l.tr.Listen(conf, c); err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	return l, nil
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.pc.LocalAddr() }

// Accept waits for a connection whose handshake is done.
func (l *Listener) Accept(ctx context.Context) (*Conn, error) {
	c, err := l.ln.Accept(ctx)
	if err != nil {
		return nil, err
	}
	return &Conn{c: c}, nil
}

// Close ends the listener and all its connections.
func (l *Listener) Close() error {
	return errors.Join(l.ln.Close(), l.tr.Close(), l.pc.Close())
}

// Conn is one QUIC connection, of either end.
type Conn struct {
	c       *quic.Conn
	closers []func() error // of an agent's socket
}

var (
	_ Edge  = (*Conn)(nil)
	_ Agent = (*Conn)(nil)
)

// DialQUIC dials as an agent.
func DialQUIC(ctx context.Context, to string, conf *tls.Config) (*Conn, error) {
	ua, err := resolve(ctx, to)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", ":0")
	if err != nil {
		return nil, err
	}
	tr := &quic.Transport{Conn: pc}
	shut := func() error { return errors.Join(tr.Close(), pc.Close()) }
	c, err := tr.Dial(ctx, ua, conf, config(MaxStreams))
	if err != nil {
		return nil, errors.Join(err, shut())
	}
	return &Conn{c: c, closers: []func() error{shut}}, nil
}

// resolve looks a name up anew each time.
func resolve(ctx context.Context, to string) (*net.UDPAddr, error) {
	host, port, err := net.SplitHostPort(to)
	if err != nil {
		return nil, err
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	return &net.UDPAddr{IP: ips[0].Unmap().AsSlice(), Zone: ips[0].Zone(), Port: n}, nil
}

// State is that of the handshake.
func (c *Conn) State() tls.ConnectionState { return c.c.ConnectionState().TLS }

// Kind is QUIC.
func (c *Conn) Kind() Kind { return QUIC }

// Remote is the other end.
func (c *Conn) Remote() net.Addr { return c.c.RemoteAddr() }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.c.Context().Done() }

// Close ends the connection and its streams.
func (c *Conn) Close() error {
	err := c.c.CloseWithError(codeClosed, "")
	for _, f := range c.closers {
		err = errors.Join(err, f())
	}
	return err
}

// Open opens a stream.
func (c *Conn) Open(ctx context.Context) (net.Conn, error) {
	s, err := c.c.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	return &quicStream{Stream: s, c: c.c}, nil
}

// Join is the one stream that a peer may open itself.
func (c *Conn) Join(ctx context.Context) (net.Conn, error) {
	s, err := c.c.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	return &quicStream{Stream: s, c: c.c}, nil
}

// Serve takes streams until the connection ends.
func (c *Conn) Serve(f func(Stream)) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		s, err := c.c.AcceptStream(context.Background())
		if err != nil {
			return err
		}
		running.Go(func() {
			q := &quicStream{Stream: s, c: c.c}
			defer q.Abort()
			f(q)
		})
	}
}

// quicStream is a stream as a net.Conn. Close resets what has not been read or
// acknowledged: it may come while somebody writes, which quic-go's Close may
// not. What CloseWrite has ended is not reset any more.
type quicStream struct {
	*quic.Stream
	c     *quic.Conn
	ended atomic.Bool // by CloseWrite
}

// CloseWrite ends what is written. It must not come while somebody writes.
func (s *quicStream) CloseWrite() error {
	s.ended.Store(true)
	return s.Stream.Close()
}

// Abort ends both directions.
func (s *quicStream) Abort() {
	s.CancelRead(codeAborted)
	if !s.ended.Load() {
		s.CancelWrite(codeAborted)
	}
}

// Close is Abort for who knows a net.Conn.
func (s *quicStream) Close() error {
	s.Abort()
	return nil
}

// LocalAddr is this end.
func (s *quicStream) LocalAddr() net.Addr { return s.c.LocalAddr() }

// RemoteAddr is the other end.
func (s *quicStream) RemoteAddr() net.Addr { return s.c.RemoteAddr() }
