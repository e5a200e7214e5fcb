// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/json"
	"net/http"
	"time"
)

// Tunnel is what the admin side controls of a node that agents dial.
//
//	POST /v1/tunnel/tokens {"origins": ["Orders"], "seconds": 3600, "reusable": false}
//	GET  /v1/tunnel/agents
//	POST /v1/tunnel/revocations {"id": "…"}           of an agent or a token
type Tunnel interface {
	// Token issues a token, which is a secret, and gives its id with it.
	Token(origins []string, life time.Duration, reusable bool) (id, token string, err error)
	// Revoke takes an agent or a token back.
	Revoke(id string) error
	// Agents is a value that encodes to JSON.
	Agents() (any, error)
}

func (c *control) tunnel(mux *http.ServeMux, t Tunnel) {
	mux.HandleFunc("POST /v1/tunnel/tokens", func(w http.ResponseWriter, r *http.Request) {
		in := struct {
			Origins  []string `json:"origins"`
			Seconds  int64    `json:"seconds"`
			Reusable bool     `json:"reusable"`
		}{Seconds: 3600}
		if !decode(w, r, &in, `send {"origins": ["NAME"], "seconds": 3600, "reusable": false}`) {
			return
		}
		id, token, err := t.Token(in.Origins, time.Duration(min(in.Seconds, 1<<32))*time.Second, in.Reusable)
		if err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		reply(w, http.StatusOK, map[string]any{"id": id, "token": token, "origins": in.Origins})
	})
	mux.HandleFunc("GET /v1/tunnel/agents", func(w http.ResponseWriter, _ *http.Request) {
		agents, err := t.Agents()
		if err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		reply(w, http.StatusOK, agents)
	})
	mux.HandleFunc("POST /v1/tunnel/revocations", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			ID string `json:"id"`
		}
		if !decode(w, r, &in, `send {"id": "that of an agent or a token"}`) {
			return
		}
		if err := t.Revoke(in.ID); err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		reply(w, http.StatusOK, map[string]string{"revoked": in.ID})
	})
}

// decode reads the request's JSON, or answers with what it should be.
func decode(w http.ResponseWriter, r *http.Request, v any, form string) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if d.Decode(v) != nil {
		fail(w, http.StatusBadRequest, form)
		return false
	}
	return true
}
