// SPDX-License-Identifier: Apache-2.0

package control

import (
	"io"
	"net/http"

	"github.com/forelane/forelane/internal/edgefunc"
)

// testFunction runs a CloudFront function, by name, logical id or ARN, on the
// event that is the body. The answer is an edgefunc.TestResult.
func (c *control) testFunction(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(io.LimitReader(r.Body, edgefunc.MaxEvent+1))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	name := r.PathValue("name")
	for _, f := range c.node.Functions() {
		if f.Name != name && f.LogicalID != name && f.ARN != name {
			continue
		}
		t, err := f.Run.Test(r.Context(), event)
		if err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		reply(w, http.StatusOK, t)
		return
	}
	fail(w, http.StatusNotFound, "there is no CloudFront function "+name)
}
