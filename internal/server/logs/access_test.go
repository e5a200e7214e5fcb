// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/record"
)

func TestA25LogNames(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:logs:us-east-1:123456789012:log-group:shop/Canary":                  "shop-Canary.log",
		"arn:aws:firehose:us-east-1:123456789012:deliverystream/amazon-apigateway-x": "amazon-apigateway-x.log",
		"arn:aws:logs:us-east-1:123456789012:log-group:../../etc/passwd":             "etc-passwd.log",
		"arn:aws:s3:::aws-waf-logs-shop/edge":                                        "aws-waf-logs-shop-edge.log",
		"":                                                                           "api.log",
		"ä":                                                                          "api.log",
		"arn:aws:logs:us-east-1:123456789012:log-group:" + strings.Repeat("x", 300): strings.Repeat("x", 200) + ".log",
	} {
		if got := accessName(arn); got != want {
			t.Errorf("%s: %s, want %s", arn, got, want)
		}
	}
}

// TestA25BrokenLog: a log that cannot be opened costs its lines and nothing else.
func TestA25BrokenLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	l := NewAccess(dir, record.Rotation{}, slog.New(slog.NewTextHandler(&told, nil)))
	l.Write("a", "1")
	l.Write("a", "2")
	if n := strings.Count(told.String(), "is not kept"); n != 1 {
		t.Errorf("told %d times: %s", n, told.String())
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
