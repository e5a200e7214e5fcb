// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"context"
	"net"

	"github.com/forelane/forelane/internal/viewer/engine"
	"github.com/forelane/forelane/internal/viewer/h3"
)

// QUIC serves HTTP/3 on one UDP socket: beside a Server, on the same port.
type QUIC struct{ l *h3.Listener }

// ListenQUIC binds addr for HTTP/3 (port 0 picks one). Options.TLS is required;
// its NextProtos are not used.
func ListenQUIC(ctx context.Context, addr string, h Handler, o Options) (*QUIC, error) {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, err
	}
	if o.Limits == (engine.Limits{}) {
		o.Limits = limits()
	}
	l, err := h3.Listen(pc, h, h3.Options{TLS: o.TLS, Limits: o.Limits, Log: o.Log, Handshake: shaken})
	if err != nil {
		_ = pc.Close() // the first error says more
		return nil, err
	}
	return &QUIC{l}, nil
}

// Addr is the bound address.
func (q *QUIC) Addr() net.Addr { return q.l.Addr() }

// Serve accepts until Close; it returns nil then.
func (q *QUIC) Serve() error { return q.l.Serve() }

// Close refuses new connections and waits for requests under way until ctx
// ends; what is left then is cut.
func (q *QUIC) Close(ctx context.Context) error { return q.l.Close(ctx) }
