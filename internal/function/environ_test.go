// SPDX-License-Identifier: Apache-2.0

package function

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestL3Environment(t *testing.T) {
	const code = "import os\ndef handler(e, c):\n    return dict(os.environ)\n"
	f := python("env", code)
	f.Environment = map[string]string{"OWN": "1", "BOTH": "template", "AWS_ENDPOINT_URL": "http://template", "AWS_REGION": "no", "TZ": "Europe/Berlin"}
	s, b := service(t, func(o *Options) {
		o.Environ = []string{"PATH=" + pathOf(environ()), "HOME=/home/me", "LANG=de_DE.UTF-8", "TZ=Asia/Tokyo", "AWS_PROFILE=prod", "AWS_SECRET_ACCESS_KEY=mine", "SECRET=1", "PYTHONSTARTUP=x"}
		o.Env = map[string]string{"AWS_ENDPOINT_URL": "http://local", "AWS_ENDPOINT_URL_S3": "http://s3", "BOTH": "file", "FILE": "1", "AWS_SESSION_TOKEN": "hush"}
		o.Region = "eu-central-1"
	}, f)
	var got map[string]string
	if err := json.Unmarshal(invoke(t, s, "env", `{}`).Payload, &got); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{
		"_HANDLER": "index.handler", "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1",
		"AWS_LAMBDA_FUNCTION_NAME": "env", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/env", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_EXECUTION_ENV": "AWS_Lambda_python3.11", "HOME": "/home/me", "LANG": "de_DE.UTF-8", "TZ": "Europe/Berlin",
		"OWN": "1", "BOTH": "template", "FILE": "1", "AWS_ENDPOINT_URL": "http://local", "AWS_ENDPOINT_URL_S3": "http://s3",
		"AWS_ACCESS_KEY_ID": "forelane", "AWS_SECRET_ACCESS_KEY": "forelane", "AWS_SESSION_TOKEN": "hush",
	} {
		if got[k] != v {
			t.Errorf("%s=%q, want %q", k, got[k], v)
		}
	}
	allowed := []string{
		"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "PATH", "TMPDIR",
		"LD_LIBRARY_PATH", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LC_CTYPE",
	}
	known := strings.Fields("_HANDLER AWS_REGION AWS_DEFAULT_REGION AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_INITIALIZATION_TYPE AWS_EXECUTION_ENV HOME LANG TZ OWN BOTH FILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN")
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if !slices.Contains(allowed, k) && !slices.Contains(known, k) {
			t.Errorf("%s=%q leaked in", k, got[k])
		}
	}
	if st, err := os.Stat(got["LAMBDA_TASK_ROOT"] + "/index.py"); err != nil || st.IsDir() {
		t.Errorf("LAMBDA_TASK_ROOT=%s: %v", got["LAMBDA_TASK_ROOT"], err)
	}
	if strings.Contains(b.text(), "hush") {
		t.Error("a secret is in the log")
	}
}

func pathOf(environ []string) string {
	for _, kv := range slices.Backward(environ) {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			return v
		}
	}
	return ""
}
