// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"strconv"
	"strings"
)

// mock answers nothing but a status, which the request template yields; the
// status selects an integration response. Most templates use it for OPTIONS.
type mock struct{}

func (mock) ask(_ context.Context, _ *Call, out *outbound) (*inbound, error) {
	status, ok := mockStatus(string(out.body))
	if !ok {
		return nil, faultf(FaultConfig, "mock: unable to parse statusCode; the request template yields %q, which should be as {\"statusCode\": 200}", clip(out.body))
	}
	return &inbound{selection: strconv.Itoa(status), passing: true}, nil
}

// mockStatus finds statusCode in what is almost JSON: {"statusCode": 200}, and
// { statusCode: 200 } as the CDK writes it. It must be a number.
func mockStatus(body string) (int, bool) {
	if v, err := parseValue([]byte(body)); err == nil {
		s := v.member("statusCode")
		if len(s) == 0 || s.isString() {
			return 0, false
		}
		return s.integer()
	}
	t := strings.TrimSpace(body)
	if !strings.HasPrefix(t, "{") || !strings.HasSuffix(t, "}") {
		return 0, false
	}
	for part := range strings.SplitSeq(t[1:len(t)-1], ",") {
		name, value, ok := strings.Cut(part, ":")
		if !ok || strings.Trim(name, "\"' \t\r\n") != "statusCode" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(value))
		return n, err == nil
	}
	return 0, false
}
