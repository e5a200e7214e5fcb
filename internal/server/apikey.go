// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// API keys without a value get one, as on AWS: 40 lower-case letters and digits,
// made of the key's id and a secret: that of the cluster, or one of this node's
// data folder. It stays the same as long as the secret does, and nobody can work
// it out who has the template alone.

// secretLen is the length of the secret, in bytes.
const secretLen = 32

// keySecret reads the secret of a data folder, or makes it.
func keySecret(dir string) ([]byte, error) {
	name := filepath.Join(dir, "api-keys.secret")
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		made := make([]byte, secretLen)
		_, _ = rand.Read(made) // never fails
		if err := createWhole(name, made); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		b, err = os.ReadFile(name) // another process may have been first
	}
	if err == nil && len(b) != secretLen {
		err = fmt.Errorf("%s has %d bytes instead of %d", name, len(b), secretLen)
	}
	return b, err
}

// createWhole makes a file that nobody ever sees half of; it may not exist.
func createWhole(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), name)
}

// keyValue is the value of a key of a stack that has none; empty when there is
// no secret to make it of.
func (s *Server) keyValue(stack string, k *model.APIKey) string {
	secret, err := s.keySecret()
	if err != nil {
		s.log.Warn("API keys without a value open nothing: there is nowhere to keep their secret", "error", err)
		return ""
	}
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte(stack + "\x00" + k.ID)) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil)[:25]))
}
