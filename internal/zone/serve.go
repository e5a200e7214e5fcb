// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// Options of a Server. The zero value of each field is usable.
type Options struct {
	// Rate is how many answers of one meaning a network gets in a second over
	// UDP. 0: DefaultRate; below zero: as many as it asks for.
	Rate int
	// Log takes faults. Nil: dropped.
	Log *slog.Logger
}

// Server answers on one address, over UDP and TCP.
type Server struct {
	zones func() *Zones
	limit *limiter
	log   *slog.Logger
	tcp   net.Listener
	udp   *net.UDPConn
	on    [2]*dns.Server

	answers [16]atomic.Uint64 // by response code
	held    atomic.Uint64
}

// Bounds of TCP.
const (
	mostTCP     = 256 // connections at once
	tcpIdle     = 8 * time.Second
	tcpPatience = 2 * time.Second // for one message
	mostAsks    = 128             // questions on a connection
)

// pickTries is how often a free port is picked that TCP and UDP both have.
const pickTries = 16

// Listen binds addr for UDP and TCP; port 0 picks one that both have. zones
// gives those that answer now; nil: all is refused.
func Listen(ctx context.Context, addr string, zones func() *Zones, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{zones: zones, limit: newLimiter(o.Rate), log: o.Log}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	for try := 1; ; try++ {
		if s.tcp, err = lc.Listen(ctx, "tcp", addr); err != nil {
			return nil, err
		}
		at := net.JoinHostPort(host, strconv.Itoa(s.tcp.Addr().(*net.TCPAddr).Port))
		pc, err := lc.ListenPacket(ctx, "udp", at)
		if err == nil {
			s.udp = pc.(*net.UDPConn)
			break
		}
		_ = s.tcp.Close()
		if port != "0" || !errors.Is(err, syscall.EADDRINUSE) || try == pickTries {
			return nil, err
		}
	}
	s.on[0] = &dns.Server{PacketConn: s.udp, Handler: handler{s, true}, UDPSize: 4096}
	s.on[1] = &dns.Server{
		Listener: newBounded(s.tcp), Handler: handler{s, false}, MaxTCPQueries: mostAsks,
		ReadTimeout: tcpPatience, WriteTimeout: tcpPatience, IdleTimeout: func() time.Duration { return tcpIdle },
	}
	return s, nil
}

// Addr is the bound address.
func (s *Server) Addr() net.Addr { return s.tcp.Addr() }

// Serve answers until Close.
func (s *Server) Serve() error {
	errs := make([]error, len(s.on))
	var both sync.WaitGroup
	for i, srv := range s.on {
		both.Go(func() {
			if err := srv.ActivateAndServe(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs[i] = fmt.Errorf("dns: %w", err)
			}
		})
	}
	both.Wait()
	return errors.Join(errs...)
}

// Close ends Serve; questions under way are answered until ctx ends.
func (s *Server) Close(ctx context.Context) error {
	var errs []error
	for _, srv := range s.on {
		if err := srv.ShutdownContext(ctx); err != nil && ctx.Err() != nil { // else it was not serving yet
			errs = append(errs, err)
		}
	}
	for _, c := range []interface{ Close() error }{s.udp, s.tcp} {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// State is what a Server has counted.
type State struct {
	Answers map[string]uint64 // by response code
	Held    uint64            // held back, or sent without content, by the limit
}

// State is the state now.
func (s *Server) State() State {
	st := State{Answers: map[string]uint64{}, Held: s.held.Load()}
	for code := range s.answers {
		if n := s.answers[code].Load(); n > 0 {
			st.Answers[dns.RcodeToString[code]] = n
		}
	}
	return st
}

type handler struct {
	s   *Server
	udp bool
}

// ServeDNS answers one message; package dns has checked that it is a question.
func (h handler) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	in := asked{m: m, remote: addrOf(w.RemoteAddr()), local: addrOf(w.LocalAddr()), udp: h.udp}
	if in.local.IsUnspecified() {
		in.local = netip.Addr{}
	}
	z := h.s.zones()
	if z == nil {
		z = &Zones{}
	}
	out := z.reply(in)
	if h.udp {
		full := out
		if out = h.s.limit.pass(out, in.remote); out != full {
			h.s.held.Add(1)
		}
	}
	if out == nil {
		return
	}
	h.s.answers[out.Rcode&15].Add(1)
	if err := w.WriteMsg(out); err != nil {
		h.s.log.Debug("dns: answer", "to", in.remote, "err", err)
	}
}

func addrOf(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// bounded accepts as many connections as there is room for; the rest is closed
// at once.
type bounded struct {
	net.Listener
	room chan struct{}
}

func newBounded(ln net.Listener) *bounded { return &bounded{ln, make(chan struct{}, mostTCP)} }

// Accept waits for a connection that there is room for.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case b.room <- struct{}{}:
			return &counted{Conn: c, room: b.room}, nil
		default:
			_ = c.Close()
		}
	}
}

type counted struct {
	net.Conn
	room chan struct{}
	once sync.Once
}

// Close gives the room back.
func (c *counted) Close() error {
	c.once.Do(func() { <-c.room })
	return c.Conn.Close()
}
