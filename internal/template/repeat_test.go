// SPDX-License-Identifier: Apache-2.0

package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRepeatedKeysAreTold: the last of two equal keys counts, and the report
// tells what is not used.
func TestRepeatedKeysAreTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.yaml")
	text := "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: first\n" +
		"      WebsiteConfiguration: {IndexDocument: a.html, IndexDocument: b.html}\n      BucketName: second\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(t.Context(), file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := got[0].Stack.Buckets[0]
	if b.Name != "second" || b.Website.Index != "b.html" {
		t.Errorf("%+v %+v", b, b.Website)
	}
	var out strings.Builder
	if err := got[0].Report.Text(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ignored       BucketName: BucketName is given twice: what line 5 says is not used, as by CloudFormation (" + file + ":7:7)",
		"WebsiteConfiguration.IndexDocument: IndexDocument is given twice: what line 6 says",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}
