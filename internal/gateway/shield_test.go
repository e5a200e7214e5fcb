// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/webacl"
)

// TestW5StageScreens: the web ACL of a stage decides before the route does, and
// gives the body back.
func TestW5StageScreens(t *testing.T) {
	set, err := webacl.Compile([]*model.WebACL{{
		ARN: "arn:acl", Name: "acl", BodyLimit: 16 << 10, Default: model.ACLAction{Kind: model.ACLAllow},
		Bodies: map[string]model.ACLBody{"slow": {ContentType: "text/plain", Content: "slow down"}},
		Rules: []*model.ACLRule{
			{Name: "plain", Priority: 1, Action: &model.ACLAction{Kind: model.ACLBlock}, Statement: body("attack")},
			{Name: "custom", Priority: 2, Action: &model.ACLAction{Kind: model.ACLBlock, Response: &model.ACLResponse{Status: 429, BodyKey: "slow"}}, Statement: body("often")},
		},
	}}, webacl.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		body   string
		status int
		want   string
	}{
		{"attack", 403, `{"message":"Forbidden"}`},
		{"too often", 429, "slow down"},
		{"hello", 0, "hello"},
	} {
		x := &exchange{
			stage: &stage{shield: set.ACL("arn:acl")},
			call: integration.Call{
				API: &integration.API{Style: integration.RESTAPI}, Method: "POST", Path: "/v1/x", Header: http.Header{},
				Body: io.NopCloser(strings.NewReader(tt.body)), Length: int64(len(tt.body)), Time: time.Now(),
			},
		}
		passed := x.screen()
		if passed != (tt.status == 0) {
			t.Errorf("%s: passed %v", tt.body, passed)
			continue
		}
		from, status := x.call.Body, 0
		if !passed {
			a := x.explain()
			from, status = a.Body, a.Status
		}
		got, err := io.ReadAll(from)
		if err != nil || string(got) != tt.want || status != tt.status {
			t.Errorf("%s: %d %q %v, want %d %q", tt.body, status, got, err, tt.status, tt.want)
		}
	}
}

func body(text string) model.ACLStatement {
	return &model.ByteMatch{Inspect: model.ACLInspect{Kind: model.FieldBody}, Search: text, Position: "CONTAINS"}
}
