// SPDX-License-Identifier: Apache-2.0

package localca

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// trustDirs are the places where Linux distributions keep local authorities,
// with the command that takes them over.
var trustDirs = []struct {
	dir, name string
	command   []string
}{
	{"/usr/local/share/ca-certificates", "forelane-ca.crt", []string{"update-ca-certificates"}},
	{"/etc/pki/ca-trust/source/anchors", "forelane-ca.pem", []string{"update-ca-trust", "extract"}},
	{"/etc/ca-certificates/trust-source/anchors", "forelane-ca.pem", []string{"trust", "extract-compat"}},
}

// Install puts the authority into the system's trust store, and into the NSS
// database of the user's browsers where certutil is there. What it did, and
// what is left to do by hand, is written to w.
func (a *Authority) Install(ctx context.Context, w io.Writer) error {
	if err := a.installSystem(ctx, w); err != nil {
		return err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	nss := filepath.Join(home, ".pki", "nssdb")
	if _, err := exec.LookPath("certutil"); err != nil {
		fmt.Fprintf(w, "Chromium and Firefox keep their own list: install certutil (Debian: libnss3-tools) and run this again, or import %s by hand\n", a.CertFile())
		return nil
	}
	if err := os.MkdirAll(nss, 0o700); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "certutil", "-d", "sql:"+nss, "-A", "-t", "C,,", "-n", "Forelane local CA", "-i", a.CertFile()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("certutil: %w: %s", err, out)
	}
	fmt.Fprintf(w, "trusted by browsers that read %s\n", nss)
	return nil
}

func (a *Authority) installSystem(ctx context.Context, w io.Writer) error {
	if runtime.GOOS == "darwin" {
		out, err := exec.CommandContext(ctx, "security", "add-trusted-cert", "-r", "trustRoot", "-k",
			filepath.Join(os.Getenv("HOME"), "Library/Keychains/login.keychain-db"), a.CertFile()).CombinedOutput()
		if err != nil {
			return fmt.Errorf("security add-trusted-cert: %w: %s", err, out)
		}
		fmt.Fprintln(w, "trusted in the login keychain")
		return nil
	}
	pem, err := os.ReadFile(a.CertFile())
	if err != nil {
		return err
	}
	for _, t := range trustDirs {
		if _, err := os.Stat(t.dir); err != nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(t.dir, t.name), pem, 0o644); err != nil {
			return fmt.Errorf("%w (run `sudo forelane trust`)", err)
		}
		out, err := exec.CommandContext(ctx, t.command[0], t.command[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", t.command[0], err, out)
		}
		fmt.Fprintf(w, "trusted by the system (%s)\n", filepath.Join(t.dir, t.name))
		return nil
	}
	fmt.Fprintf(w, "no known trust store on this system: import %s by hand\n", a.CertFile())
	return nil
}
