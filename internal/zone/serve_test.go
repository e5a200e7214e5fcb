// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/forelane/forelane/internal/model"
)

func simple(name, typ string, values ...string) *model.RecordSet {
	return &model.RecordSet{Name: name, Type: typ, TTL: 60, Values: values}
}

func compiled(t testing.TB, d Deps, records ...*model.RecordSet) *Zones {
	t.Helper()
	z, err := Compile([]*model.Stack{{Zones: []*model.Zone{{Name: "example.com", Records: records}}}}, d)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func listening(t *testing.T, z *Zones, o Options) *Server {
	t.Helper()
	s, err := Listen(t.Context(), "127.0.0.1:0", func() *Zones { return z }, o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func exchange(t *testing.T, s *Server, network, name string, typ uint16) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	c := dns.Client{Net: network, Timeout: 5 * time.Second}
	r, _, err := c.ExchangeContext(t.Context(), m, s.Addr().String())
	if err != nil {
		t.Fatalf("%s %s: %v", network, name, err)
	}
	return r
}

func TestServesUDPAndTCP(t *testing.T) {
	var many []string
	for i := range 100 {
		many = append(many, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}).String())
	}
	s := listening(t, compiled(t, Deps{}, simple("www.example.com", "A", "192.0.2.1"), simple("many.example.com", "A", many...)), Options{})
	for _, network := range []string{"udp", "tcp"} {
		r := exchange(t, s, network, "www.example.com.", dns.TypeA)
		if len(r.Answer) != 1 || !r.Authoritative || r.RecursionAvailable {
			t.Errorf("%s: %v", network, r)
		}
	}
	if r := exchange(t, s, "udp", "many.example.com.", dns.TypeA); !r.Truncated || len(r.Answer) == 100 {
		t.Errorf("%d records over UDP", len(r.Answer))
	}
	if r := exchange(t, s, "tcp", "many.example.com.", dns.TypeA); r.Truncated || len(r.Answer) != 100 {
		t.Errorf("%d records over TCP", len(r.Answer))
	}
	// The name server is this node: the address that the question came to.
	if r := exchange(t, s, "udp", "ns1.example.com.", dns.TypeA); len(r.Answer) != 1 || !strings.Contains(r.Answer[0].String(), "127.0.0.1") {
		t.Errorf("ns1: %v", r.Answer)
	}
	if st := s.State(); st.Answers["NOERROR"] != 5 || st.Held != 0 {
		t.Errorf("%+v", st)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := listening(t, compiled(t, Deps{}, simple("www.example.com", "A", "192.0.2.1")), Options{})
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	closed := 0
	for range mostTCP + 20 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	for _, c := range open[mostTCP:] {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second)) // a busy machine
		if _, err := c.Read(make([]byte, 1)); err != nil && !strings.Contains(err.Error(), "timeout") {
			closed++
		}
	}
	if closed != 20 {
		t.Errorf("%d of 20 beyond the bound were closed", closed)
	}
}

func TestRateIsLimited(t *testing.T) {
	z := compiled(t, Deps{}, simple("www.example.com", "A", "192.0.2.1"))
	l := newLimiter(10)
	ask := func(name string, from string) *dns.Msg {
		m := new(dns.Msg)
		m.SetQuestion(name, dns.TypeA)
		to := netip.MustParseAddr(from)
		return l.pass(z.reply(asked{m: m, remote: to, udp: true}), to)
	}
	count := func(name func(int) string, from string) (full, short, none int) {
		for i := range 100 {
			switch m := ask(name(i), from); {
			case m == nil:
				none++
			case m.Truncated && len(m.Answer) == 0:
				short++
			default:
				full++
			}
		}
		return full, short, none
	}
	same := func(string) func(int) string { return func(int) string { return "www.example.com." } }
	if full, short, none := count(same(""), "192.0.2.1"); full < 20 || full > 25 || short < 35 || none < 35 {
		t.Errorf("%d whole, %d truncated, %d dropped", full, short, none)
	}
	// All of a network share; another one has its own.
	if full, _, _ := count(same(""), "192.0.2.99"); full > 5 {
		t.Errorf("a neighbour got %d", full)
	}
	if full, _, _ := count(same(""), "198.51.100.1"); full < 20 {
		t.Errorf("another network got %d", full)
	}
	// Names that are not there are one meaning, however many there are.
	if full, _, _ := count(func(i int) string { return strings.Repeat("x", i%60+1) + ".example.com." }, "203.0.113.1"); full > 25 {
		t.Errorf("%d answers to random names", full)
	}
}

func TestMembers(t *testing.T) {
	down := map[string]bool{}
	rs := func(name, id string, r model.RecordSet) *model.RecordSet {
		r.Name, r.SetID = name, id
		if r.Type == "" {
			r.Type = "A"
		}
		return &r
	}
	z := compiled(t, Deps{Healthy: func(id string) bool { return !down[id] }},
		rs("api.example.com", "eu", model.RecordSet{Routing: model.LatencyRouting, Region: "eu", HealthCheck: "h1", Alias: &model.Alias{Name: "eu.example.com"}}),
		rs("api.example.com", "us", model.RecordSet{Routing: model.LatencyRouting, Region: "us", HealthCheck: "h2", Values: []string{"192.0.2.3"}}),
		rs("eu.example.com", "a", model.RecordSet{Routing: model.WeightedRouting, Weight: 3, Values: []string{"192.0.2.1"}}),
		rs("eu.example.com", "b", model.RecordSet{Routing: model.WeightedRouting, Weight: 0, Values: []string{"192.0.2.2"}}),
		rs("c.example.com", "p", model.RecordSet{Type: "CNAME", Routing: model.FailoverRouting, Values: []string{"one.elsewhere.test"}}),
		rs("c.example.com", "s", model.RecordSet{Type: "CNAME", Routing: model.FailoverRouting, Secondary: true, Values: []string{"us.example.com"}}),
		rs("us.example.com", "", model.RecordSet{Values: []string{"192.0.2.3"}}),
		rs("loop.example.com", "", model.RecordSet{Type: "CNAME", Values: []string{"loop.example.com"}}),
	)
	down["h2"] = true
	show := func(name string) string {
		var out []string
		for _, m := range z.Members(name) {
			s := m.Host
			if m.Spare {
				s += " spare"
			}
			if m.Down {
				s += " down"
			}
			if m.Weight != 1 {
				s += " weight " + string(rune('0'+m.Weight))
			}
			out = append(out, s)
		}
		slices.Sort(out)
		return strings.Join(out, ", ")
	}
	for name, want := range map[string]string{
		"API.example.com":  "192.0.2.1 weight 3, 192.0.2.2 weight 0, 192.0.2.3 down",
		"c.example.com":    "192.0.2.3 spare, one.elsewhere.test",
		"us.example.com":   "192.0.2.3",
		"loop.example.com": "",
		"none.example.com": "",
		"else.test":        "else.test",
	} {
		if got := show(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// FuzzReply: whatever a message is, the answer packs, fits, and refuses names
// that are nobody's here.
func FuzzReply(f *testing.F) {
	z := compiled(f, Deps{}, simple("www.example.com", "A", "192.0.2.1"), simple("*.w.example.com", "TXT", `"x"`),
		simple("c.example.com", "CNAME", "www.example.com"), simple("sub.example.com", "NS", "ns.sub.example.com"), simple("d.c.example.com", "A", "192.0.2.2"))
	for _, name := range []string{"www.example.com.", "a.b.w.example.com.", "c.example.com.", "x.sub.example.com.", "example.org.", "."} {
		m := new(dns.Msg)
		m.SetQuestion(name, dns.TypeA)
		m.SetEdns0(1232, true)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IP{192, 0, 2, 0}})
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := new(dns.Msg)
		if m.Unpack(b) != nil {
			return
		}
		out := z.reply(asked{m: m, remote: netip.MustParseAddr("192.0.2.1"), udp: true})
		wire, err := out.Pack()
		if err != nil {
			t.Fatalf("%v: %v", err, out)
		}
		if len(wire) > udpMost && len(m.Question) == 1 {
			t.Fatalf("%d bytes over UDP", len(wire))
		}
		if len(m.Question) == 1 && !dns.IsSubDomain("example.com.", dns.CanonicalName(m.Question[0].Name)) && (len(out.Answer) > 0 || out.Rcode == dns.RcodeSuccess) {
			t.Fatalf("an answer to %v", m.Question[0])
		}
	})
}
