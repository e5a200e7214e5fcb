// SPDX-License-Identifier: Apache-2.0

package made

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/model"
)

// TestE3MadeOrigins: what an override makes of an origin, and which are one.
func TestE3MadeOrigins(t *testing.T) {
	from := &model.Origin{
		ID: "o", DomainName: "a.example", Path: "/p", Protocol: model.OriginHTTPSOnly, ReadTimeout: time.Minute, ClientCert: "arn:c",
		Headers: []model.HeaderField{{Name: "X-Key", Value: "k"}}, TLSVersions: []string{"TLSv1.2"},
	}
	none := ""
	for _, tt := range []struct {
		name  string
		ov    edgefunc.Override
		want  func(o *model.Origin)
		moved bool
	}{
		{"another name", edgefunc.Override{DomainName: "B.example"}, func(o *model.Origin) {
			o.DomainName, o.Made = "b.example", &model.MadeOrigin{HostHeader: "b.example", ServerName: "b.example", Foreign: true}
		}, true},
		{"the same name", edgefunc.Override{DomainName: "a.example"}, func(o *model.Origin) {
			o.Made = &model.MadeOrigin{HostHeader: "a.example", ServerName: "a.example"}
		}, true},
		{"Host", edgefunc.Override{HostHeader: "h.example"}, func(o *model.Origin) {
			o.Made = &model.MadeOrigin{HostHeader: "h.example", ServerName: "h.example"}
		}, true},
		{"SNI", edgefunc.Override{HostHeader: "h.example", SNI: "s.example", Certificates: []string{"*.x"}}, func(o *model.Origin) {
			o.Made = &model.MadeOrigin{HostHeader: "h.example", ServerName: "s.example", Certificates: []string{"*.x"}}
		}, true},
		{"network", edgefunc.Override{DomainName: "b.example", Network: "ipv6"}, func(o *model.Origin) {
			o.DomainName, o.Made = "b.example", &model.MadeOrigin{HostHeader: "b.example", ServerName: "b.example", Foreign: true, Network: "tcp6"}
		}, true},
		{"path and headers", edgefunc.Override{Path: &none, Headers: &[]model.HeaderField{}}, func(o *model.Origin) {
			o.Path, o.Headers = "", []model.HeaderField{}
		}, false},
		{"port", edgefunc.Override{Port: 8080, Protocol: "http"}, func(o *model.Origin) {
			o.Protocol, o.HTTPPort, o.TLSVersions = model.OriginHTTPOnly, 8080, nil
		}, true},
		{"times", edgefunc.Override{ReadTimeout: time.Second, KeepAlive: 2 * time.Second, Connect: 3 * time.Second, Completion: 4 * time.Second, Attempts: 2}, func(o *model.Origin) {
			o.ReadTimeout, o.KeepAlive, o.Connect, o.Completion, o.Attempts = time.Second, 2*time.Second, 3*time.Second, 4*time.Second, 2
		}, true},
		{"access", edgefunc.Override{Access: &model.OriginAccess{Type: "s3", Signing: "always"}, MutualOff: true}, func(o *model.Origin) {
			o.Access, o.ClientCert = &model.OriginAccess{Type: "s3", Signing: "always"}, ""
		}, true},
	} {
		c, err := Override(from, &tt.ov)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := *from
		want.Made = &model.MadeOrigin{}
		tt.want(&want)
		if got := c.Model(); !reflect.DeepEqual(got, &want) || c.Moved != tt.moved {
			t.Errorf("%s: moved %v\n got %+v %+v\nwant %+v %+v", tt.name, c.Moved, got, got.Made, want, want.Made)
		}
		plain, _ := Override(from, &edgefunc.Override{})
		if again, _ := Override(from, &tt.ov); again.Key() != c.Key() || c.Key() == plain.Key() {
			t.Errorf("%s: the digest does not tell it", tt.name)
		}
	}
	bucket := &model.Origin{ID: "b", DomainName: "b.s3.amazonaws.com", S3: true, Access: &model.OriginAccess{Type: "s3", Signing: "always"}}
	for word, ov := range map[string]edgefunc.Override{
		"is a bucket":       {SNI: "x"},
		"an access control": {DomainName: "c.example", HostHeader: "x"},
		"is shorter":        {Completion: time.Second},
	} {
		if _, err := Override(bucket, &ov); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

// TestMadeOriginsAreBounded: the one that was not used for longest goes.
func TestMadeOriginsAreBounded(t *testing.T) {
	var s Ways
	built, closed := 0, 0
	use := func(i int) {
		key := Key{byte(i), byte(i >> 8)}
		if _, err := s.Get(key, func() (Way, error) {
			built++
			return Way{Close: func() { closed++ }}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * most {
		use(i)
		use(0)
	}
	if built != 2*most || closed != most || len(s.all) != most {
		t.Errorf("%d built, %d closed, %d kept", built, closed, len(s.all))
	}
}

// TestE5Replaced: an origin whose path or headers alone are another one's has the
// same way.
func TestE5Replaced(t *testing.T) {
	was := &model.Origin{ID: "o", DomainName: "a.example", Path: "/p", Made: &model.MadeOrigin{HostHeader: "h.example"}}
	for _, tt := range []struct {
		name   string
		change func(o *model.Origin)
		made   model.MadeOrigin
		ok     bool
	}{
		{"nothing", func(*model.Origin) {}, model.MadeOrigin{}, false},
		{"path and headers", func(o *model.Origin) { o.Path, o.Headers = "/q", []model.HeaderField{{Name: "X"}} }, model.MadeOrigin{}, false},
		{"a port", func(o *model.Origin) { o.HTTPSPort = 8443 }, *was.Made, true},
		{"another name", func(o *model.Origin) { o.DomainName = "b.example" }, model.MadeOrigin{Foreign: true}, true},
		{"the name in capitals", func(o *model.Origin) { o.DomainName = "A.example" }, *was.Made, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			is := *was
			tt.change(&is)
			c, ok := Replace(was, &is)
			if ok != tt.ok || ok && (!c.Moved || !reflect.DeepEqual(*c.Model().Made, tt.made)) {
				t.Errorf("%+v %v", c, ok)
			}
		})
	}
}
