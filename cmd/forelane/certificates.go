// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/forelane/forelane/internal/viewer/certificate"
)

// certificates opens what --tls-cert names; nil without it.
func (f *upFlags) certificates(log *slog.Logger) (*certificate.Store, error) {
	if len(f.tlsCerts) == 0 {
		return nil, nil
	}
	var files []certificate.Files
	for _, v := range f.tlsCerts {
		cert, key, _ := strings.Cut(v, ",")
		files = append(files, certificate.Files{Cert: cert, Key: key})
	}
	s, err := certificate.Open(files, log)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	return s, nil
}

// renew takes renewed certificates over until stop is called.
func renew(ctx context.Context, s *certificate.Store, out *output) (stop func()) {
	if s == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Watch(ctx); err != nil {
			out.warn("renewed certificates will not be noticed", err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
