// SPDX-License-Identifier: Apache-2.0

package server

import (
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// TestA22CustomDomain: a custom domain answers by its own name, with a
// certificate, and behind a distribution that has where it points to as its
// origin and forwards the Host of the domain.
func TestA22CustomDomain(t *testing.T) {
	s := stack(t)
	mock := &model.Integration{Kind: model.Mock, RequestTemplates: map[string]string{"application/json": `{"statusCode": 200}`}, Responses: []model.IntegrationResponse{{Status: "200"}}}
	s.APIs = []*model.API{{
		LogicalID: "Api", ID: "restrestre", Kind: model.RESTAPI, DisableExecuteAPI: true, Stages: []*model.Stage{{Name: "prod"}},
		Routes: []*model.Route{{Key: "GET /pets", Method: "GET", Path: "/pets", Integration: mock, Responses: []model.MethodResponse{{Status: "200"}}}},
	}}
	const target = "d-abc.execute-api.us-east-1.amazonaws.com"
	s.Domains = []*model.Domain{{LogicalID: "D", Name: "api.example.com", Targets: []string{target}, Mappings: []model.DomainMapping{{Path: "v1", APIID: "restrestre", Stage: "prod"}}}}
	d := s.Distributions[0]
	d.Origins = append(d.Origins, &model.Origin{ID: "api", DomainName: target, Protocol: model.OriginHTTPSOnly})
	d.Origins = append(d.Origins, &model.Origin{ID: "domain", DomainName: "api.example.com", Protocol: model.OriginHTTPSOnly})
	none := &model.CachePolicy{Name: "none"}
	get2 := []string{"GET", "HEAD"}
	d.Behaviors = append([]*model.Behavior{
		{PathPattern: "/v1/*", Target: "domain", Allowed: get2, Cached: get2, Cache: none},
		{PathPattern: "/v2/*", Target: "api", Allowed: get2, Cached: get2, Cache: none},
	}, d.Behaviors...)
	srv, ca := start(t, s, echoOrigin(t))
	for _, kind := range []string{"http", "h1", "h2"} {
		c, scheme := client(t, srv, ca, kind)
		for url, want := range map[string]int{
			scheme + "://api.example.com/v1/pets":                                  200, // directly
			scheme + "://api.example.com/pets":                                     403,
			scheme + "://restrestre.execute-api.us-east-1.amazonaws.com/prod/pets": 403, // disabled
			scheme + "://www.example.com/v1/pets":                                  200, // the edge asks by the domain's name
			scheme + "://www.example.com/v2/pets":                                  403, // the edge asks by the target's
		} {
			if rs, body := get(t, c, url); rs.StatusCode != want {
				t.Errorf("%s %s: %d %s, want %d", kind, url, rs.StatusCode, body, want)
			}
		}
	}
	if apis := srv.Ready().APIs; len(apis) != 1 || len(apis[0].Domains) != 1 || apis[0].Domains[0] != "api.example.com/v1" {
		t.Errorf("ready: %+v", apis)
	}
}
