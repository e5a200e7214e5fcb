// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/control/cloudfront"
	"github.com/forelane/forelane/internal/invalidation"
)

// invalidate is POST /v1/invalidations. Paths may lack the slash in front.
func (c *control) invalidate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Distribution    string   `json:"distribution"`
		Paths           []string `json:"paths"`
		CallerReference string   `json:"callerReference"`
		DryRun          bool     `json:"dryRun"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || len(in.Paths) == 0 {
		fail(w, http.StatusBadRequest, `send {"paths": ["/a", "/b*", "#tag"], "distribution": "optional id", "callerReference": "optional", "dryRun": false}`)
		return
	}
	for i, p := range in.Paths {
		if !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "#") {
			in.Paths[i] = "/" + p
		}
	}
	if in.DryRun {
		reach, err := c.node.Reach(r.Context(), in.Distribution, in.Paths)
		if err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		reply(w, http.StatusOK, map[string]any{"dryRun": true, "reach": reach, "paths": in.Paths})
		return
	}
	all, err := c.node.Invalidate(r.Context(), invalidation.Request{
		Distribution: in.Distribution, CallerReference: in.CallerReference, Paths: in.Paths, Wait: true,
	})
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	type entry struct {
		ID           string `json:"id"`
		Distribution string `json:"distribution"`
		Status       string `json:"status"`
	}
	list, status := []entry{}, invalidation.Completed
	for _, v := range all {
		list = append(list, entry{v.ID, v.Distribution, v.Status.String()})
		status = min(status, v.Status)
	}
	code := http.StatusOK
	if status != invalidation.Completed { // it was not waited for to the end
		code = http.StatusAccepted
	}
	reply(w, code, map[string]any{"status": status.String(), "distributions": len(all), "paths": in.Paths, "invalidations": list})
}

// promote is POST /v1/promote.
func (c *control) promote(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Distribution string `json:"distribution"`
		Undo         bool   `json:"undo"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil || in.Distribution == "" {
		fail(w, http.StatusBadRequest, `send {"distribution": "id or logical id", "undo": false}`)
		return
	}
	all := c.node.Distributions()
	at := slices.IndexFunc(all, func(d cloudfront.Distribution) bool {
		return d.ID == in.Distribution || d.LogicalID == in.Distribution
	})
	if at < 0 {
		fail(w, http.StatusNotFound, "there is no distribution "+in.Distribution)
		return
	}
	d, from := all[at], ""
	var err error
	switch {
	case in.Undo:
		err = c.node.Demote(r.Context(), d.ID)
	case d.Deployment == nil:
		err = errors.New("the distribution has no continuous deployment policy, so no staging distribution")
	default:
		from = d.Deployment.Staging
		err = c.node.Promote(r.Context(), d.ID, from)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	reply(w, http.StatusOK, map[string]string{"distribution": d.ID, "from": from})
}
