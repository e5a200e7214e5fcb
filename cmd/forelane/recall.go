// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/forelane/forelane/internal/config"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/server"
)

// recallFlags are what a node tells of single requests, to who asks by an id or
// sends the debug token.
type recallFlags struct {
	recent time.Duration
	memory string
	token  string // a file, or env
}

const (
	debugVariable = "FORELANE_DEBUG_TOKEN"
	shortestToken = 16
)

func (f *recallFlags) register(fl *pflag.FlagSet) {
	fl.DurationVar(&f.recent, "recent", 10*time.Minute, "how long requests are kept for forelane explain --id; 0: they are not")
	fl.StringVar(&f.memory, "recent-memory", "16MiB", "memory for them; about 2,500 requests a MiB, half of it for hits")
	fl.StringVar(&f.token, "debug-token", "", "token that viewers send as X-Forelane-Debug to get X-Forelane-… headers that explain the answer: a `FILE` that nobody else may read, or env for "+debugVariable)
}

// options writes what the flags say into a node's options.
func (f *recallFlags) options(o *server.Options, getenv func(string) string) error {
	o.Recent = record.RecentOptions{Keep: f.recent}
	if f.recent < 0 {
		return errors.New("--recent: not below 0")
	}
	var err error
	if f.memory != "" {
		if o.Recent.Bytes, err = size(f.memory); err != nil {
			return fmt.Errorf("--recent-memory: %w", err)
		}
	}
	switch f.token {
	case "":
		return nil
	case "env":
		o.DebugToken = getenv(debugVariable)
	default:
		if o.DebugToken, err = config.Secret(f.token); err != nil {
			return fmt.Errorf("--debug-token: %w", err)
		}
	}
	if len(o.DebugToken) < shortestToken {
		return fmt.Errorf("--debug-token: the token has fewer than %d characters", shortestToken)
	}
	return nil
}

// recalled are the flags that say what a configuration says.
func recalled(c *config.Explain) recallFlags {
	f := recallFlags{recent: c.Recent, token: c.DebugTokenFile}
	if c.Memory > 0 {
		f.memory = c.Memory.String()
	}
	return f
}
