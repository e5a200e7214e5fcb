// SPDX-License-Identifier: Apache-2.0

package function

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// TestTryAndSettle: what cannot be built is told before anything changes, and
// after Settle new invocations get the new code.
func TestTryAndSettle(t *testing.T) {
	s, _ := service(t, nil)
	say := func(word string) *model.Function {
		return &model.Function{
			Name: "f", LogicalID: "F", Runtime: "python3.11", Handler: "index.handler", Pos: "t.yaml:1:1",
			Code: model.Code{Inline: "def handler(e, c): return '" + word + "'\n"},
		}
	}
	broken := say("x")
	broken.Runtime = "ruby3.3"
	if err := s.Try(t.Context(), []*model.Function{say("one"), broken}); err == nil || !strings.Contains(err.Error(), "t.yaml:1:1: function F: ") {
		t.Errorf("%v", err)
	}
	missing := say("x")
	missing.Code = model.Code{Missing: "gone"}
	if err := s.Try(t.Context(), []*model.Function{missing}); err != nil {
		t.Errorf("missing code: %v", err)
	}
	for _, word := range []string{"one", "two", "three"} {
		if err := s.Apply(t.Context(), []*model.Function{say(word)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, err := s.Invoke(t.Context(), &model.Invocation{Function: "f", Payload: []byte("{}")})
		if err != nil || string(out.Payload) != `"`+word+`"` {
			t.Errorf("%s: %s %v", word, out.Payload, err)
		}
	}
}
