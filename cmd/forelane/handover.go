// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/forelane/forelane/internal/handover"
	"github.com/forelane/forelane/internal/server"
)

// heir is what this process takes over: from a service manager, and from the
// node that it replaces.
type heir struct {
	manager, node *handover.Legacy
	listeners     map[string]net.Listener
}

// inherit takes the sockets over that are there for this node.
func (f *upFlags) inherit(data string) (h *heir, err error) {
	h = &heir{listeners: map[string]net.Listener{}}
	h.manager, err = handover.Activated(os.Getenv)
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name) // they are not for the functions' processes
	}
	if err != nil {
		return h, wrong(err)
	}
	if f.replace {
		h.node, err = handover.Take(data)
		if err != nil && !errors.Is(err, handover.ErrNobody) {
			return h, err
		}
	}
	for kind, addr := range map[string]string{"http": f.http, "https": f.https, "admin": f.admin, "tunnel": f.tunnel, "endpoint": f.endpoint[strings.IndexByte(f.endpoint, '=')+1:]} {
		if addr == "" {
			continue
		}
		if err := h.take(kind, addr); err != nil {
			return h, err
		}
	}
	return h, nil
}

// take takes the listener of a kind: a service manager's wherever it listens,
// the predecessor's if it is on addr.
func (h *heir) take(kind, addr string) error {
	if h.manager != nil {
		ln, err := h.manager.Listener(kind, "")
		if err != nil || ln != nil {
			h.listeners[kind] = ln
			return err
		}
	}
	if h.node == nil {
		return nil
	}
	ln, err := h.node.Listener(kind, addr)
	if err == nil && ln != nil {
		h.listeners[kind] = ln
	}
	return err
}

// gone is closed when the predecessor has left; nil without one.
func (h *heir) gone() <-chan struct{} {
	if h.node == nil {
		return nil
	}
	return h.node.Gone()
}

// close gives up what is left.
func (h *heir) close() {
	for _, l := range []*handover.Legacy{h.manager, h.node} {
		if l != nil {
			_ = l.Close() // what was taken is a copy
		}
	}
}

// serve makes the node of srv answer viewers. One that replaces another first
// has its functions warm, for until then the other one answers.
func (h *heir) serve(ctx context.Context, srv *server.Server, out *output) {
	if h.node == nil {
		srv.Start()
	}
	if err := srv.Prepare(ctx); err != nil && ctx.Err() == nil {
		out.warn("a function is not ready", err)
	}
	if h.node != nil && ctx.Err() == nil {
		srv.Start()
		h.node.Ready()
		out.note(fmt.Sprintf("took over from process %d", h.node.PID))
	}
}

// offer offers the node's sockets to a successor; nil when that is impossible.
func offer(srv *server.Server, data string, out *output) *handover.Offer {
	sockets, err := srv.Sockets()
	if err == nil {
		var all []handover.Socket
		for kind, file := range sockets {
			all = append(all, handover.Socket{Kind: kind, File: file})
		}
		var o *handover.Offer
		if o, err = handover.NewOffer(data, all); err == nil {
			return o
		}
	}
	out.warn("this node cannot be replaced while it runs", err)
	return nil
}

// stop ends a node: requests under way may finish within --drain, or until
// another signal comes. After that one a third ends the process as it is.
func (f *upFlags) stop(srv *server.Server, out *output) {
	ctx, cancel := context.WithTimeout(context.Background(), f.observe.drained(f.drain))
	defer cancel()
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	defer context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })()
	if err := srv.Close(ctx); err != nil {
		out.warn("stopped with requests under way", err)
	}
}
