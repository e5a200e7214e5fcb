// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/sigv4"
)

// originSigner signs with what --origin-credentials names: env, or a profile of
// the shared credentials file, which is read anew when it changes. Nil: nothing
// is named.
func originSigner(name string, getenv func(string) string) (*origin.Signer, error) {
	region := cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"))
	switch name {
	case "":
		return nil, nil
	case "env":
		c := sigv4.Credentials{AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN")}
		if c.AccessKeyID == "" || c.SecretAccessKey == "" {
			return nil, errors.New("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set")
		}
		return &origin.Signer{Region: region, Credentials: func() (sigv4.Credentials, error) { return c, nil }}, nil
	}
	file, err := awsFile("AWS_SHARED_CREDENTIALS_FILE", "credentials", getenv)
	if err != nil {
		return nil, err
	}
	p := &profile{name: name, file: file}
	if _, err := p.credentials(); err != nil {
		return nil, err
	}
	if config, err := awsFile("AWS_CONFIG_FILE", "config", getenv); err == nil && region == "" {
		for _, section := range []string{"profile " + name, name} {
			if settings, err := readProfile(config, section); err == nil {
				region = cmp.Or(region, settings["region"])
			}
		}
	}
	return &origin.Signer{Region: region, Credentials: p.credentials}, nil
}

func awsFile(variable, name string, getenv func(string) string) (string, error) {
	if file := getenv(variable); file != "" {
		return file, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".aws", name), err
}

// profile is one of the shared credentials file. Whether the file has changed
// is looked at once a second at most; one that cannot be read any more leaves
// the credentials of before.
type profile struct {
	name, file string

	mu     sync.Mutex
	now    sigv4.Credentials
	looked time.Time
	mod    time.Time
}

func (p *profile) credentials() (sigv4.Credentials, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.looked) < time.Second {
		return p.now, nil
	}
	fi, err := os.Stat(p.file)
	switch {
	case err == nil && fi.ModTime().Equal(p.mod):
		p.looked = time.Now()
		return p.now, nil
	case err == nil:
		err = p.read()
	}
	if err != nil && p.now.AccessKeyID == "" {
		return p.now, err
	}
	p.looked = time.Now()
	if err == nil {
		p.mod = fi.ModTime()
	}
	return p.now, nil
}

func (p *profile) read() error {
	settings, err := readProfile(p.file, p.name)
	if err != nil {
		return err
	}
	c := sigv4.Credentials{AccessKeyID: settings["aws_access_key_id"], SecretAccessKey: settings["aws_secret_access_key"], SessionToken: settings["aws_session_token"]}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return fmt.Errorf("profile %s of %s has no aws_access_key_id and aws_secret_access_key (roles, SSO and credential_process are not followed)", p.name, p.file)
	}
	p.now = c
	return nil
}

// readProfile reads one section of a file in AWS's ini form.
func readProfile(file, section string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var settings map[string]string
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			name, _, _ = strings.Cut(name, "]")
			if inside = strings.TrimSpace(name) == section; inside && settings == nil {
				settings = map[string]string{}
			}
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if inside && ok && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") {
			settings[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	if settings == nil {
		return nil, fmt.Errorf("%s has no profile %s", file, section)
	}
	return settings, nil
}
