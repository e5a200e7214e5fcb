// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func startForelane(ctx context.Context, b *bench) (*peer, error) {
	return b.forelane(ctx, "forelane", b.template)
}

// forelane runs a template. Its folders are in b.dir, so that the user's
// certificate authority is left alone; the ports are of its choice.
func (b *bench) forelane(ctx context.Context, name, template string) (*peer, error) {
	home := filepath.Join(b.dir, "home")
	env := []string{"GOMAXPROCS=1", "HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	binary, err := filepath.Abs(b.binary)
	if err != nil {
		return nil, err
	}
	version, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return nil, err
	}
	cmd, err := b.spawn(name, env, binary, "up", template, "--stack", "bench", "--json", "--quiet",
		"--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--data", filepath.Join(b.dir, name), "--access-log", filepath.Join(b.dir, name+".log"),
		"--recent", "0", // as nodes have it (serve)
		"--origin", "local=http://127.0.0.1:"+b.origin.port())
	if err != nil {
		return nil, err
	}
	var event struct{ Event, HTTP, HTTPS, HTTP3 string }
	for deadline := time.Now().Add(10 * time.Second); event.HTTP == ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, errors.New("no ready event")
		}
		said, err := os.ReadFile(filepath.Join(b.dir, name+".out"))
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(said) {
			if bytes.Contains(line, []byte(`"ready"`)) {
				_ = json.Unmarshal(line, &event) // half a line is read again
			}
		}
	}
	return &peer{
		version: strings.TrimPrefix(strings.TrimSpace(string(version)), "forelane version "),
		plain:   event.HTTP, tls: event.HTTPS, udp: event.HTTP3, roots: []int{cmd.Process.Pid},
		hit: func(h http.Header) bool { return strings.HasPrefix(h.Get("X-Cache"), "Hit") },
	}, nil
}
