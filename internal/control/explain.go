// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/forelane/forelane/internal/explain"
)

// explain answers why a request would be answered as it would be.
func (c *control) explain(w http.ResponseWriter, r *http.Request) {
	in, err := questionOf(r)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	out, err := c.node.Explain(r.Context(), in)
	switch {
	case errors.Is(err, explain.ErrNotKept):
		fail(w, http.StatusNotFound, err.Error())
	case err != nil:
		fail(w, http.StatusBadRequest, err.Error())
	default:
		reply(w, http.StatusOK, out)
	}
}

func questionOf(r *http.Request) (*explain.Request, error) {
	in := &explain.Request{}
	if r.Method == http.MethodPost {
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(in); err != nil {
			return nil, fmt.Errorf(`send {"url": "http://HOST/PATH", "method": "GET", "headers": [["Name", "value"]], "fetch": false}: %w`, err)
		}
		return in, nil
	}
	q := r.URL.Query()
	in.URL, in.Method, in.Address, in.Fetch = q.Get("url"), q.Get("method"), q.Get("address"), q.Get("fetch") == "1"
	in.ID = q.Get("id")
	for _, h := range q["header"] {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, fmt.Errorf("header %q: write header=Name:value", h)
		}
		in.Headers = append(in.Headers, [2]string{name, strings.TrimSpace(value)})
	}
	return in, nil
}
