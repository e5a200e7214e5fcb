// SPDX-License-Identifier: Apache-2.0

package cloudfront

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/model"
)

// plant is a Node with a primary distribution, its staging one, and others.
type plant struct {
	all      []Distribution
	book     *invalidation.Book
	promoted string
	err      error

	functions []Function
}

func (p *plant) Functions() []Function { return p.functions }

func (p *plant) Distributions() []Distribution { return p.all }
func (p *plant) Invalidations() Invalidations  { return p.book }

func (p *plant) Promote(_ context.Context, primary, staging string) error {
	p.promoted = primary + " " + staging
	return p.err
}

type done struct{}

func (done) Append(context.Context, invalidation.Invalidation) (uint64, error) { return 0, nil }
func (done) Wait(context.Context, uint64) error                                { return nil }

func newPlant(t *testing.T) *plant {
	book, err := invalidation.Open(t.TempDir(), done{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(book.Close)
	p := &plant{book: book}
	ttl := 3 * time.Second
	for i := 1; i <= 4; i++ {
		p.all = append(p.all, Distribution{Since: time.Unix(1e9, 0), Distribution: &model.Distribution{
			LogicalID: fmt.Sprint("D", i), ID: fmt.Sprint("E", i), DomainName: fmt.Sprintf("d%d.cloudfront.net", i), Enabled: true,
			Staging: i == 2,
			Origins: []*model.Origin{
				{ID: "s3", DomainName: "b.s3.amazonaws.com", S3: true, OAI: "X", Headers: []model.HeaderField{{Name: "X-Key", Value: "secret"}}},
				{ID: "web", DomainName: "web.example.com", HTTPPort: 80, HTTPSPort: 443, TLSVersions: []string{"TLSv1.2"}, ShieldRegion: "eu-west-1"},
			},
			OriginGroups: []*model.OriginGroup{{ID: "g", Members: []string{"s3", "web"}, StatusCodes: []int{500, 502}}},
			Behaviors: []*model.Behavior{
				{
					PathPattern: "/old/*", Target: "web", Allowed: []string{"GET", "HEAD"}, Cached: []string{"GET", "HEAD"},
					Cache:     &model.CachePolicy{Legacy: true, Cookies: model.Selection{Mode: model.SelectList, Names: []string{"a"}}, MaxTTL: time.Hour},
					Functions: []model.FunctionAssociation{{Event: model.ViewerRequest, ARN: "arn:f"}, {Event: model.OriginRequest, ARN: "arn:l", Lambda: true}},
				},
				{PathPattern: "*", Target: "g", Cache: &model.CachePolicy{ID: "658327ea"}},
			},
			CustomErrors: []model.CustomError{{Code: 404, CachingMinTTL: &ttl, ResponseCode: 200, PagePath: "/e"}},
			Geo:          model.GeoRestriction{Allow: true, Countries: []string{"DE"}},
		}})
	}
	p.all[0].Deployment = &model.ContinuousDeployment{ID: "P", Staging: "E2"}
	return p
}

func ask(p *plant, method, path, body string, fields ...string) *httptest.ResponseRecorder {
	rq := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, f := range fields {
		k, v, _ := strings.Cut(f, ": ")
		rq.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	New(p).ServeHTTP(w, rq)
	return w
}

func TestConfig(t *testing.T) {
	w := ask(newPlant(t), "GET", "/2020-05-31/distribution/E1/config", "")
	for _, want := range []string{
		`<DistributionConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">`,
		`<Origins><Quantity>2</Quantity><Items><Origin><Id>s3</Id>`,
		`<S3OriginConfig><OriginAccessIdentity>origin-access-identity/cloudfront/X</OriginAccessIdentity></S3OriginConfig>`,
		`<OriginShield><Enabled>true</Enabled><OriginShieldRegion>eu-west-1</OriginShieldRegion></OriginShield>`,
		`<FailoverCriteria><StatusCodes><Quantity>2</Quantity><Items><StatusCode>500</StatusCode><StatusCode>502</StatusCode></Items></StatusCodes></FailoverCriteria>`,
		`<CacheBehavior><PathPattern>/old/*</PathPattern>`,
		`<FunctionAssociation><FunctionARN>arn:f</FunctionARN><EventType>viewer-request</EventType></FunctionAssociation>`,
		`<LambdaFunctionARN>arn:l</LambdaFunctionARN>`,
		`<Cookies><Forward>whitelist</Forward><WhitelistedNames><Quantity>1</Quantity><Items><Name>a</Name></Items></WhitelistedNames></Cookies>`,
		`<MaxTTL>3600</MaxTTL>`, `<CachePolicyId>658327ea</CachePolicyId>`,
		`<CustomErrorResponse><ErrorCode>404</ErrorCode><ResponsePagePath>/e</ResponsePagePath><ResponseCode>200</ResponseCode><ErrorCachingMinTTL>3</ErrorCachingMinTTL></CustomErrorResponse>`,
		`<RestrictionType>whitelist</RestrictionType><Quantity>1</Quantity><Items><Location>DE</Location></Items>`,
		`<ContinuousDeploymentPolicyId>P</ContinuousDeploymentPolicyId><Staging>false</Staging>`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("lacks %s", want)
		}
	}
	if w.Code != 200 || w.Header().Get("ETag") == "" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestErrors(t *testing.T) {
	p := newPlant(t)
	p.err = errors.New("the edge refuses it")
	batch := "<InvalidationBatch><Paths><Quantity>1</Quantity><Items><Path>%s</Path></Items></Paths><CallerReference>%s</CallerReference></InvalidationBatch>"
	for _, tc := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", "distribution/EX", "", 404, "NoSuchDistribution"},
		{"GET", "distribution/EX/config", "", 404, "NoSuchDistribution"},
		{"GET", "distribution/E1/invalidation/I1", "", 404, "NoSuchInvalidation"},
		{"POST", "distribution/E1/invalidation", "<a", 400, "MalformedXML"},
		{"POST", "distribution/E1/invalidation", fmt.Sprintf(batch, "/a", ""), 400, "InvalidArgument"},
		{"POST", "distribution/E1/invalidation", fmt.Sprintf(batch, "a", "r"), 400, "InvalidArgument"},
		{"GET", "distribution?Marker=EX", "", 400, "InvalidArgument"},
		{"PUT", "distribution/E1/config", "", 501, "NotImplemented"},
		{"POST", "distribution", "", 501, "NotImplemented"},
		{"PUT", "distribution/E3/promote-staging-config", "", 400, "IllegalUpdate"},
		{"PUT", "distribution/E1/promote-staging-config?StagingDistributionId=E3", "", 400, "IllegalUpdate"},
		{"PUT", "distribution/E1/promote-staging-config?StagingDistributionId=E2", "", 400, "IllegalUpdate"},
	} {
		w := ask(p, tc.method, Prefix+tc.path, tc.body)
		kind := "Sender"
		if tc.status >= 500 {
			kind = "Receiver"
		}
		if w.Code != tc.status || !strings.Contains(w.Body.String(), "<Error><Type>"+kind+"</Type><Code>"+tc.code+"</Code>") || w.Header().Get("X-Amzn-Requestid") == "" {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, w.Code, w.Body)
		}
	}
	if p.promoted != "E1 E2" {
		t.Errorf("promoted %q", p.promoted)
	}
}

func TestPromoteByVersions(t *testing.T) {
	p := newPlant(t)
	path := Prefix + "distribution/E1/promote-staging-config"
	for versions, want := range map[string]int{
		etag(p.all[0]) + ", " + etag(p.all[1]): 200,
		etag(p.all[1]) + ", " + etag(p.all[0]): 412,
		etag(p.all[0]):                         412,
		"":                                     200,
	} {
		if w := ask(p, "PUT", path, "", "If-Match: "+versions); w.Code != want {
			t.Errorf("%q: %d %s", versions, w.Code, w.Body)
		}
	}
}

func TestPages(t *testing.T) {
	p := newPlant(t)
	for i := range 5 {
		if _, err := p.book.Create(t.Context(), invalidation.Request{Distribution: "E1", CallerReference: fmt.Sprint(i), Paths: []string{"/a"}}); err != nil {
			t.Fatal(err)
		}
	}
	for path, item := range map[string]string{"distribution": "DistributionSummary", "distribution/E1/invalidation": "InvalidationSummary"} {
		seen, marker := 0, ""
		for range 4 {
			w := ask(p, "GET", Prefix+path+"?MaxItems=2&Marker="+marker, "")
			body := w.Body.String()
			n := strings.Count(body, "<"+item+">")
			seen += n
			if w.Code != http.StatusOK || n > 2 || !strings.Contains(body, fmt.Sprintf("<Quantity>%d</Quantity>", n)) {
				t.Fatalf("%d %s", w.Code, body)
			}
			_, rest, more := strings.Cut(body, "<NextMarker>")
			if more != strings.Contains(body, "<IsTruncated>true") {
				t.Errorf("%s", body)
			}
			if !more {
				break
			}
			marker, _, _ = strings.Cut(rest, "<")
		}
		if want := map[string]int{"distribution": 4, "distribution/E1/invalidation": 5}[path]; seen != want {
			t.Errorf("%s: %d of %d", path, seen, want)
		}
	}
}
