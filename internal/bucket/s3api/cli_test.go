// SPDX-License-Identifier: Apache-2.0

package s3api

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSecretOfTheCLI checks signatures that the AWS CLI makes.
func TestSecretOfTheCLI(t *testing.T) {
	n := newNode(t, nil)
	srv := httptest.NewServer(New(n, Options{Secret: "the secret"}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	aws := func(secret string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "aws", append([]string{"--endpoint-url", srv.URL}, args...)...)
		mine := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
		cmd.Env = append(mine, "AWS_ACCESS_KEY_ID=AK", "AWS_SECRET_ACCESS_KEY="+secret, "AWS_REGION=eu-west-1", "AWS_CONFIG_FILE="+os.DevNull,
			"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := aws("the secret", "s3", "cp", file, "s3://other/a b (c)+é~.txt", "--metadata", "k=v"); err != nil {
		t.Errorf("cp: %v (tools/setup.sh installs the CLI): %s", err, out)
	}
	if out, err := aws("the secret", "s3", "ls", "s3://other/a b"); err != nil || !strings.Contains(out, "a b (c)+é~.txt") {
		t.Errorf("ls: %v: %s", err, out)
	}
	if out, err := aws("another", "s3", "ls", "s3://other/"); err == nil || !strings.Contains(out, "SignatureDoesNotMatch") {
		t.Errorf("another secret: %v: %s", err, out)
	}
}
