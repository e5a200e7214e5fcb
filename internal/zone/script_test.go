// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
	"github.com/forelane/forelane/internal/zone/health"
	"github.com/forelane/forelane/internal/zone/latency"
)

// TestScripts runs testdata/script/R*.txtar: a template, its zones and health
// checks, under a fake clock and in a network that the script plays.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../../testdata/script/R[12]_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(data)
			s := &script{t: t, file: filepath.Base(file), text: map[string]string{}, down: map[string]bool{}, net: newFakeNet(t)}
			for _, f := range a.Files {
				s.text[f.Name] = string(f.Data)
			}
			path := filepath.Join(t.TempDir(), "template.yaml")
			if err := os.WriteFile(path, []byte(s.text["template.yaml"]), 0o600); err != nil {
				t.Fatal(err)
			}
			stacks, err := template.Load(t.Context(), path, template.Options{StackName: "s"})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { s.run(t, stacks[0].Stack, string(a.Comment)) })
		})
	}
}

type script struct {
	t      *testing.T
	file   string
	line   int
	text   map[string]string
	stack  *model.Stack
	zones  *Zones
	checks *health.Checks
	table  *latency.Table
	down   map[string]bool // checks that the script has set, by id
	places []place
	net    *fakeNet
	dice   *rand.Rand

	asked func() *dns.Msg
	got   *dns.Msg
}

type place struct {
	prefix netip.Prefix
	at     Place
}

func (s *script) run(t *testing.T, st *model.Stack, head string) {
	s.t, s.stack, s.table = t, st, latency.New()
	s.dice = rand.New(rand.NewPCG(1, 2))
	s.checks = health.New(health.Options{Dial: s.net.dial, Resolve: s.net.resolve})
	defer func() {
		s.checks.Close()
		<-time.After(time.Minute) // endpoints that are slow
	}()
	fronts := map[string]bool{}
	for _, d := range st.Distributions {
		fronts[strings.ToLower(d.DomainName)] = true
	}
	deps := Deps{
		Healthy: func(id string) bool { return !s.down[id] && s.checks.Healthy(id) }, Latency: s.table.Between, Random: s.dice.IntN,
		Front: func(name string) bool { return fronts[name] },
		Addresses: func() []netip.Addr {
			return []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::1")}
		},
	}
	if strings.Contains(head, "\nplace ") {
		deps.Place = s.place
	}
	var err error
	if s.zones, err = Compile([]*model.Stack{st}, deps); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(head, "endpoint ") {
		s.checks.Apply(st.HealthChecks)
	}
	for i, line := range strings.Split(head, "\n") {
		s.line = i + 1
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		c, ok := scriptCommands[words[0]]
		if !ok {
			s.fatalf("there is no command %s", words[0])
		}
		c.run(s, words[1:])
	}
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

func (s *script) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

func (s *script) same(what, got, want string) {
	s.t.Helper()
	if got != want {
		s.errorf("%s: got %q, want %q\n%v", what, got, want, s.got)
	}
}

// scriptCommands is the language. testdata/script/DNS.md prints it.
var scriptCommands = map[string]struct {
	args, doc string
	run       func(*script, []string)
}{
	"ask":       {"NAME TYPE [from=ADDR] [subnet=PREFIX] [size=N] [tcp] [plain]", "asks; plain: without EDNS, else with size (1232)", (*script).ask},
	"rcode":     {"NAME", "of the last answer", func(s *script, a []string) { s.same("rcode", dns.RcodeToString[s.got.Rcode], a[0]) }},
	"answer":    {"[VALUE…]", "the values of the last answer, in any order; none: there are none", (*script).answer},
	"answers":   {"N", "how many there are", func(s *script, a []string) { s.same("answers", strconv.Itoa(len(s.got.Answer)), a[0]) }},
	"ttl":       {"SECONDS", "of the first value", (*script).ttl},
	"owner":     {"NAME", "of the first value", (*script).owner},
	"authority": {"[TYPE…]", "the types in the authority section", (*script).authority},
	"flags":     {"[aa] [tc]", "flags of the last answer", (*script).flags},
	"scope":     {"BITS|none", "bits of the subnet that the last answer depends on; none: it tells no subnet", (*script).scope},
	"share":     {"N VALUE LEAST MOST", "of N times the last question VALUE is the answer so many times", (*script).share},
	"latency":   {"PREFIX REGION MS", "a viewer's round trip was measured", (*script).latency},
	"place":     {"PREFIX CONTINENT COUNTRY [SUBDIVISION]", "where viewers are", (*script).addPlace},
	"check":     {"LOGICALID up|down", "sets the state of a health check", (*script).check},
	"endpoint":  {"ADDR:PORT STATUS|refuse|drop|hang|accept [body=SECTION] [after=DURATION] [tls]", "what an address does from now on", (*script).endpoint},
	"name":      {"NAME ADDR", "a name outside of the zones", (*script).name},
	"probes":    {"ADDR:PORT N", "connections that an address has had", (*script).probes},
	"request":   {"ADDR:PORT TEXT", "what stands in the last request to an address", (*script).request},
	"healthy":   {"LOGICALID true|false", "the state of a health check", (*script).healthy},
	"wait":      {"DURATION", "lets time pass", (*script).wait},
}

func (s *script) ask(a []string) {
	q := new(dns.Msg)
	typ, ok := dns.StringToType[a[1]]
	if !ok {
		s.fatalf("no type %s", a[1])
	}
	q.SetQuestion(dns.Fqdn(a[0]), typ)
	in := asked{remote: netip.MustParseAddr("192.0.2.53"), local: netip.MustParseAddr("198.51.100.53"), udp: true}
	size, edns := 1232, true
	var subnet dns.EDNS0
	for _, w := range a[2:] {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "from":
			in.remote = netip.MustParseAddr(v)
		case "subnet":
			p := netip.MustParsePrefix(v)
			e := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(p.Bits()), Address: net.IP(p.Addr().AsSlice())}
			if p.Addr().Is6() {
				e.Family = 2
			}
			if subnet = e; p.Masked() != p { // package dns would mask it
				subnet = &dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: append([]byte{0, 1, byte(p.Bits()), 0}, p.Addr().AsSlice()...)}
			}
		case "size":
			size, _ = strconv.Atoi(v)
		case "tcp":
			in.udp = false
		case "plain":
			edns = false
		default:
			s.fatalf("no word %s", w)
		}
	}
	if edns {
		q.SetEdns0(uint16(size), false)
		if subnet != nil {
			q.IsEdns0().Option = append(q.IsEdns0().Option, subnet)
		}
	}
	wire, err := q.Pack()
	if err != nil {
		s.fatalf("%v", err)
	}
	s.asked = func() *dns.Msg {
		in.m = new(dns.Msg)
		if err := in.m.Unpack(wire); err != nil {
			s.fatalf("%v", err)
		}
		b, err := s.zones.reply(in).Pack()
		if err != nil {
			s.fatalf("%v", err)
		}
		if in.udp && len(b) > size {
			s.errorf("an answer of %d bytes over UDP", len(b))
		}
		out := new(dns.Msg)
		if err := out.Unpack(b); err != nil {
			s.fatalf("%v", err)
		}
		return out
	}
	s.got = s.asked()
}

// value is a record without what stands in each of them.
func value(rr dns.RR) string {
	v := strings.TrimSpace(strings.TrimPrefix(rr.String(), rr.Header().String()))
	return strings.ReplaceAll(v, " ", "_")
}

func (s *script) answer(want []string) {
	var got []string
	for _, rr := range s.got.Answer {
		got = append(got, value(rr))
	}
	slices.Sort(got)
	slices.Sort(want)
	s.same("answer", strings.Join(got, " "), strings.Join(want, " "))
}

func (s *script) first() *dns.RR_Header {
	if len(s.got.Answer) == 0 {
		s.fatalf("there is no answer")
	}
	return s.got.Answer[0].Header()
}

func (s *script) ttl(a []string)   { s.same("ttl", strconv.Itoa(int(s.first().Ttl)), a[0]) }
func (s *script) owner(a []string) { s.same("owner", s.first().Name, dns.Fqdn(a[0])) }

func (s *script) authority(want []string) {
	var got []string
	for _, rr := range s.got.Ns {
		got = append(got, dns.TypeToString[rr.Header().Rrtype])
	}
	s.same("authority", strings.Join(got, " "), strings.Join(want, " "))
}

func (s *script) flags(want []string) {
	var got []string
	if s.got.Authoritative {
		got = append(got, "aa")
	}
	if s.got.Truncated {
		got = append(got, "tc")
	}
	if s.got.RecursionAvailable {
		got = append(got, "ra")
	}
	s.same("flags", strings.Join(got, " "), strings.Join(want, " "))
}

func (s *script) scope(want []string) {
	got := "none"
	if opt := s.got.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_SUBNET); ok {
				got = strconv.Itoa(int(e.SourceScope))
			}
		}
	}
	s.same("scope", got, want[0])
}

func (s *script) share(a []string) {
	n, _ := strconv.Atoi(a[0])
	least, _ := strconv.Atoi(a[2])
	most, _ := strconv.Atoi(a[3])
	hits := 0
	for range n {
		if m := s.asked(); len(m.Answer) > 0 && value(m.Answer[0]) == a[1] {
			hits++
		}
	}
	if hits < least || hits > most {
		s.errorf("%s answered %d of %d times", a[1], hits, n)
	}
}

func (s *script) latency(a []string) {
	ms, err := strconv.ParseFloat(a[2], 64)
	if err != nil {
		s.fatalf("%v", err)
	}
	s.table.Learn(netip.MustParsePrefix(a[0]).Addr(), a[1], time.Duration(ms*float64(time.Millisecond)))
}

func (s *script) addPlace(a []string) {
	p := place{netip.MustParsePrefix(a[0]), Place{Continent: a[1], Country: a[2]}}
	if len(a) > 3 {
		p.at.Subdivision = a[3]
	}
	s.places = append(s.places, p)
}

func (s *script) place(viewer netip.Addr) Place {
	for _, p := range s.places {
		if p.prefix.Contains(viewer) {
			return p.at
		}
	}
	return Place{}
}

func (s *script) idOf(logical string) string {
	for _, h := range s.stack.HealthChecks {
		if h.LogicalID == logical {
			return h.ID
		}
	}
	s.fatalf("there is no health check %s", logical)
	return ""
}

func (s *script) check(a []string) { s.down[s.idOf(a[0])] = a[1] == "down" }

func (s *script) healthy(a []string) {
	s.same("healthy", strconv.FormatBool(s.checks.Healthy(s.idOf(a[0]))), a[1])
}

func (s *script) wait(a []string) {
	d, err := time.ParseDuration(a[0])
	if err != nil {
		s.fatalf("%v", err)
	}
	<-time.After(d) // the bubble's clock
	synctest.Wait()
}

func (s *script) endpoint(a []string) {
	e := endpoint{does: a[1]}
	for _, w := range a[2:] {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "body":
			e.body = strings.TrimSuffix(s.text[v], "\n")
		case "after":
			e.after, _ = time.ParseDuration(v)
		case "tls":
			e.tls = true
		default:
			s.fatalf("no word %s", w)
		}
	}
	s.net.set(a[0], e)
}

func (s *script) name(a []string) { s.net.name(a[0], a[1]) }

func (s *script) probes(a []string) { s.same("probes", strconv.Itoa(s.net.count(a[0])), a[1]) }

func (s *script) request(a []string) {
	if want := strings.Join(a[1:], " "); !strings.Contains(s.net.last(a[0]), want) {
		s.errorf("the request was\n%s\nwithout %s", s.net.last(a[0]), want)
	}
}

// TestScriptPage compares testdata/script/DNS.md with the language.
func TestScriptPage(t *testing.T) {
	var names []string
	for name := range scriptCommands {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("# Scripts of zones and health checks\n\nThose of rows R1 and R2 (`R1_what.txtar`): a template, its zones, and its health checks in a network that the script\n" +
		"plays, under a fake clock. Checks run where a script has an `endpoint`. They are run by\n`go test ./internal/zone -run TestScripts`. In values a space is written _.\n\n| command | meaning |\n|---|---|\n")
	for _, name := range names {
		c := scriptCommands[name]
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.TrimSpace(name+" "+strings.ReplaceAll(c.args, "|", "\\|")), c.doc)
	}
	const page = "../../testdata/script/DNS.md"
	got, err := os.ReadFile(page)
	if os.Getenv("UPDATE") != "" {
		err = os.WriteFile(page, []byte(b.String()), 0o644)
		got = []byte(b.String())
	}
	if err != nil || string(got) != b.String() {
		t.Errorf("%s is not as the language (%v): run UPDATE=1 go test ./internal/zone -run TestScriptPage", page, err)
	}
}
