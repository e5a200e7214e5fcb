// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/forelane/forelane/internal/tunnel/carrier"
	"github.com/forelane/forelane/internal/tunnel/identity"
)

// What is spoken on a connection, by ALPN: joining is one question and one
// answer in JSON, each behind two bytes of length.
const (
	alpnTunnel = "forelane-tunnel/1"
	alpnJoin   = "forelane-join/1"
	maxJoin    = 16 << 10
	joinTime   = 10 * time.Second
)

// joinRequest asks for a certificate: with a token, or by one that is still good.
type joinRequest struct {
	Token   string `json:"token,omitempty"`
	Label   string `json:"label,omitempty"`
	Request []byte `json:"request"`
}

// joinAnswer has the certificate, or why there is none.
type joinAnswer struct {
	Error       string `json:"error,omitempty"`
	Certificate []byte `json:"certificate,omitempty"`
	Authority   []byte `json:"authority,omitempty"`
}

func writeJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > maxJoin {
		return fmt.Errorf("tunnel: %d bytes, the limit is %d", len(b), maxJoin)
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	return err
}

func readJSON(r io.Reader, v any) error {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if n > maxJoin {
		return errMalformed
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return nil
}

// admit answers one request for a certificate. peer is the id of the
// certificate that was shown, empty for none.
func (h *Hub) admit(conn net.Conn, peer string) {
	_ = conn.SetDeadline(time.Now().Add(joinTime)) // it is closed all the same
	var rq joinRequest
	if err := readJSON(conn, &rq); err != nil {
		h.log.Warn("tunnel: a request to join cannot be read", "from", conn.RemoteAddr().String(), "err", err)
		return
	}
	rs, err := h.judge(rq, peer)
	if err != nil {
		h.log.Warn("tunnel: an agent was not let in", "from", conn.RemoteAddr().String(), "label", label(rq.Label), "err", err)
		rs = &joinAnswer{Error: "the edge refuses: the token was used, revoked or has expired, or the agent is revoked"}
		if !errors.Is(err, identity.ErrRefused) {
			rs.Error = "the edge cannot sign this request"
		}
	}
	if err := writeJSON(conn, rs); err != nil {
		h.log.Warn("tunnel: an agent left while it joined", "from", conn.RemoteAddr().String(), "err", err)
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, 1)) // who asked closes
}

func (h *Hub) judge(rq joinRequest, peer string) (*joinAnswer, error) {
	if rq.Token == "" {
		if peer == "" {
			return nil, fmt.Errorf("%w: neither a token nor a certificate", identity.ErrRefused)
		}
		cert, err := h.authority.Renew(peer, rq.Request)
		if err != nil {
			return nil, err
		}
		return &joinAnswer{Certificate: cert, Authority: h.authority.Certificate()}, nil
	}
	t, err := identity.ParseToken(rq.Token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", identity.ErrRefused, err)
	}
	id, cert, err := h.authority.Join(t, label(rq.Label), rq.Request)
	if err != nil {
		return nil, err
	}
	h.log.Info("tunnel: an agent has joined", "agent", id, "label", label(rq.Label), "token", t.ID)
	return &joinAnswer{Certificate: cert, Authority: h.authority.Certificate()}, nil
}

// label makes what an agent calls itself harmless for logs.
func label(s string) string { return harmless(s, 64) }

// harmless is s without control bytes, and not longer than most.
func harmless(s string, most int) string {
	b := []byte(s)
	if len(b) > most {
		b = b[:most]
	}
	for i, c := range b {
		if c < ' ' || c >= 0x7f {
			b[i] = '?'
		}
	}
	return string(b)
}

// join asks the edge for a certificate, with a token or by the one there is.
func (a *Agent) join(ctx context.Context, token string) error {
	key, csr, err := a.member.Request()
	if err != nil {
		return err
	}
	conf := a.member.TLS(alpnJoin)
	if token != "" {
		t, err := identity.ParseToken(token)
		if err != nil {
			return err
		}
		conf = identity.JoinTLS(t, alpnJoin)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*joinTime)
	defer cancel()
	conn, shut, err := a.dialJoin(ctx, conf)
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	defer shut()
	defer context.AfterFunc(ctx, shut)()
	var rs joinAnswer
	err = writeJSON(conn, joinRequest{Token: token, Label: a.o.Label, Request: csr})
	if err == nil {
		err = readJSON(conn, &rs)
	}
	switch {
	case err != nil:
		return fmt.Errorf("join: %w", err)
	case rs.Error != "":
		return &JoinError{rs.Error}
	}
	return a.member.Keep(key, rs.Certificate, rs.Authority)
}

// JoinError is an edge's refusal: trying again is of no use.
type JoinError struct{ Why string }

// Error says why.
func (e *JoinError) Error() string { return "join: " + e.Why }

// dialJoin connects over TCP, or by QUIC where only that is let through.
func (a *Agent) dialJoin(ctx context.Context, conf *tls.Config) (io.ReadWriter, func(), error) {
	var failed error
	if a.o.Carrier != OnlyQUIC {
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: joinTime}, Config: conf}
		c, err := d.DialContext(ctx, "tcp", a.o.To)
		if err == nil {
			return c, func() { _ = c.Close() }, nil
		}
		failed = err
	}
	if a.o.Carrier == OnlyTCP {
		return nil, nil, failed
	}
	q, err := carrier.DialQUIC(ctx, a.o.To, conf)
	if err != nil {
		return nil, nil, errors.Join(failed, err)
	}
	s, err := q.Open(ctx)
	if err != nil {
		return nil, nil, errors.Join(failed, err, q.Close())
	}
	return s, func() { _ = q.Close() }, nil
}
