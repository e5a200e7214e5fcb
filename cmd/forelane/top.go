// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/forelane/forelane/internal/metrics"
)

// topFlags are those of `top`.
type topFlags struct {
	target
	every    time.Duration
	rows     int
	once     bool
	asJSON   bool
	terminal *os.File // that the table is drawn on; nil: stdout is none
}

func topCommand() *cobra.Command {
	var f topFlags
	cmd := &cobra.Command{
		Use:   "top",
		Short: "show live what a running node does: rates, hit ratio, times, errors",
		Long: `Shows requests a second, hit ratio, times and errors of a running node by
distribution, behavior, origin, route of an API and function, from the node's own
metrics. On a terminal the table stays in place until Ctrl-C; into a pipe it is
printed again each time. Rates are those of the last --interval; p50 and p99 are
estimated from the buckets of histograms.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.every < 100*time.Millisecond {
				return wrong(errors.New("--interval: at least 100ms"))
			}
			if file, ok := cmd.OutOrStdout().(*os.File); ok && !f.once && !f.asJSON {
				if _, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ); err == nil {
					f.terminal = file
				}
			}
			err := f.run(cmd.Context(), cmd.OutOrStdout())
			if cmd.Context().Err() != nil {
				return nil // Ctrl-C is how it ends
			}
			return err
		},
	}
	f.register(cmd)
	fl := cmd.Flags()
	fl.DurationVar(&f.every, "interval", 2*time.Second, "how often to look")
	fl.IntVar(&f.rows, "rows", 10, "rows of each kind, the busiest ones; 0: all")
	fl.BoolVar(&f.once, "once", false, "print one table, after one interval, and end")
	fl.BoolVar(&f.asJSON, "json", false, "print one JSON object each time")
	return cmd
}

// run looks, and shows what has happened since it looked before.
func (f *topFlags) run(ctx context.Context, w io.Writer) error {
	before, err := f.look(ctx)
	if err != nil {
		return err
	}
	if f.terminal != nil {
		fmt.Fprint(w, "\x1b[?1049h\x1b[?25l") // another screen, no cursor
		defer fmt.Fprint(w, "\x1b[?25h\x1b[?1049l")
	}
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		now, err := f.look(ctx)
		if err != nil {
			return err
		}
		if err := f.show(w, compare(before, now)); err != nil || f.once {
			return err
		}
		before = now
	}
}

// look is one scrape.
func (f *topFlags) look(ctx context.Context) (*look, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	rs, err := f.ask(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, err
	}
	defer rs.Body.Close()
	text, err := io.ReadAll(io.LimitReader(rs.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	families, err := metrics.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("metrics of the node: %w", err)
	}
	return takeLook(families, time.Now()), nil
}

func (f *topFlags) show(w io.Writer, v *view) error {
	switch {
	case f.asJSON:
		return json.NewEncoder(w).Encode(v.cut(f.rows))
	case f.terminal == nil:
		_, err := io.WriteString(w, v.cut(f.rows).text(0, 0)+"\n")
		return err
	}
	size, err := unix.IoctlGetWinsize(int(f.terminal.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return err
	}
	text := v.cut(f.rows).text(int(size.Col), int(size.Row))
	_, err = io.WriteString(w, "\x1b[H"+text+"\x1b[J") // from the corner, and clear what is left
	return err
}
