// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/forelane/forelane/internal/cluster"
)

// getLog answers with the entries of the log after a number, one JSON line each:
// as many as are asked for, or one page. Values of settings, which may be secret,
// are left out.
func (d *Desk) getLog(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, limit := uint64(0), page
	if _, err := number(q.Get("after"), &after); err != nil {
		say(w, http.StatusBadRequest, "after: "+err.Error())
		return
	}
	n := uint64(limit)
	if ok, err := number(q.Get("limit"), &n); err != nil || ok && n > 100*page {
		say(w, http.StatusBadRequest, fmt.Sprintf("limit: a number up to %d", 100*page))
		return
	}
	entries, err := d.cluster.Read(r.Context(), after, int(n))
	if err != nil {
		fault(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for _, e := range entries {
		if e.Kind == cluster.Set {
			e.Value = nil
		}
		if enc.Encode(e) != nil {
			return // the caller is gone
		}
	}
}

// number reads a number into n, if there is one.
func number(s string, n *uint64) (bool, error) {
	if s == "" {
		return false, nil
	}
	v, err := strconv.ParseUint(s, 10, 64)
	*n = v
	return true, err
}
