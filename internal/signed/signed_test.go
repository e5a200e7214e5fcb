// SPDX-License-Identifier: Apache-2.0

package signed

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// vectors are URLs that botocore's CloudFrontSigner made, signed by openssl.
type vectors struct {
	RSA   string
	EC    string
	Cases []struct{ Name, URL string }
}

func load(t testing.TB) (vectors, *Keys) {
	t.Helper()
	b, err := os.ReadFile("testdata/botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	k, err := New(map[string]string{"KRSA": v.RSA, "KEC": v.EC})
	if err != nil {
		t.Fatal(err)
	}
	return v, k
}

// ask checks a URL as the edge does.
func ask(k *Keys, url, cookies, addr string, now time.Time) Denial {
	base, query, _ := strings.Cut(url, "?")
	c, own := Take(query, cookies)
	if own != "" {
		base += "?" + own
	}
	return k.Check(&c, &Request{URL: base, Addr: netip.MustParseAddr(addr), Now: now})
}

var (
	day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

func TestBotocoreSignsAndWeCheck(t *testing.T) {
	v, k := load(t)
	for _, c := range v.Cases {
		for range 2 { // the second time from memory
			if d := ask(k, c.URL, "", "192.0.2.7", day); d != Passed {
				t.Errorf("%s: %s", c.Name, d.Why())
			}
		}
		if d := ask(k, c.URL, "", "192.0.2.7", end); d != Expired {
			t.Errorf("%s at its end: %q", c.Name, d.Why())
		}
		want := WrongSignature
		if strings.Contains(c.Name, "custom") {
			want = WrongResource
		}
		other := strings.Replace(c.URL, ".net/", ".net/private/", 1)
		other = strings.Replace(other, "8080/", "8080/private/", 1)
		if d := ask(k, other, "", "192.0.2.7", day); d != want {
			t.Errorf("%s for another path: %q, want %q", c.Name, d.Why(), want.Why())
		}
	}
}

// TestEveryChangedCharacterIsNoticed: no URL with one character changed passes,
// but for those that the policy's star allows.
func TestEveryChangedCharacterIsNoticed(t *testing.T) {
	v, k := load(t)
	for _, c := range v.Cases {
		for i := range c.URL {
			for _, by := range []byte{c.URL[i] ^ 1, 'A', '0'} {
				if by == c.URL[i] {
					continue
				}
				changed := c.URL[:i] + string(by) + c.URL[i+1:]
				if d := ask(k, changed, "", "192.0.2.7", day); d == Passed && !harmless(c.URL, changed) {
					t.Errorf("%s: passes although character %d is %q", c.Name, i, by)
				}
			}
		}
	}
}

// harmless tells of two URLs whether they show the same credentials for the same
// resource: the last bits of base64 may be unused, and a star is a star.
func harmless(a, b string) bool {
	ca, _ := Take(a[strings.IndexByte(a, '?')+1:], "")
	at := strings.IndexByte(b, '?')
	if at < 0 {
		return false
	}
	cb, _ := Take(b[at+1:], "")
	sa, err := decode(ca.signature)
	if err != nil {
		return false
	}
	sb, err := decode(cb.signature)
	if err != nil || string(sa) != string(sb) || ca.key != cb.key {
		return false
	}
	if ca.policy == "" {
		return a[:strings.Index(a, "Signature=")] == b[:min(len(b), strings.Index(a, "Signature="))]
	}
	pa, _ := decode(ca.policy)
	pb, _ := decode(cb.policy)
	return string(pa) == string(pb) && strings.HasPrefix(b, "https://d111.cloudfront.net/videos/")
}

// signer makes custom policies for the tests.
type signer struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	keys *Keys
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	keys, err := New(map[string]string{"K1": text})
	if err != nil {
		t.Fatal(err)
	}
	return &signer{t, key, keys}
}

func encode(b []byte) string {
	return strings.NewReplacer("+", "-", "=", "_", "/", "~").Replace(base64.StdEncoding.EncodeToString(b))
}

func (s *signer) cookies(policy string) string {
	s.t.Helper()
	sum := sha1.Sum([]byte(policy))
	signature, err := s.key.Sign(rand.Reader, sum[:], crypto.SHA1)
	if err != nil {
		s.t.Fatal(err)
	}
	return "a=b; CloudFront-Policy=" + encode([]byte(policy)) + "; CloudFront-Signature=" + encode(signature) + "; CloudFront-Key-Pair-Id=K1"
}

func TestCustomPolicies(t *testing.T) {
	s := newSigner(t)
	const until = `"DateLessThan":{"AWS:EpochTime":1893456000}`
	statement := func(resource, conditions string) string {
		return `{"Statement":[{"Resource":"` + resource + `","Condition":{` + until + conditions + `}}]}`
	}
	const url = "https://d.example/films/a.mp4?x=1"
	for name, tt := range map[string]struct {
		policy string
		want   Denial
	}{
		"the URL":                 {statement(url, ""), Passed},
		"a star":                  {statement("https://d.example/films/*", ""), Passed},
		"any":                     {statement("*", ""), Passed},
		"no resource":             {`{"Statement":[{"Condition":{` + until + `}}]}`, Passed},
		"scheme by star":          {statement("http*://d.example/films/*", ""), Passed},
		"host by star":            {statement("https://*.example/films/*", ""), Passed},
		"host and all below":      {statement("https://d.exam*", ""), Passed},
		"another host":            {statement("https://e.example/*", ""), WrongResource},
		"host star ends at slash": {statement("https://*/a.mp4?x=1", ""), WrongResource},
		"one character":           {statement("https://d.example/films/?.mp4?x=1", ""), Passed},
		"without its query":       {statement("https://d.example/films/a.mp4", ""), WrongResource},
		"address":                 {statement("*", `,"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"}`), Passed},
		"one address":             {statement("*", `,"IpAddress":{"AWS:SourceIp":"192.0.2.7"}`), Passed},
		"every address":           {statement("*", `,"IpAddress":{"AWS:SourceIp":"0.0.0.0/0"}`), Passed},
		"another address":         {statement("*", `,"IpAddress":{"AWS:SourceIp":"198.51.100.0/24"}`), WrongAddress},
		"already valid":           {statement("*", `,"DateGreaterThan":{"AWS:EpochTime":1700000000}`), Passed},
		"not yet":                 {statement("*", `,"DateGreaterThan":{"AWS:EpochTime":1893455999}`), NotYet},
		"over":                    {`{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":1700000000}}}]}`, Expired},
		"no end":                  {`{"Statement":[{"Resource":"*","Condition":{}}]}`, MalformedPolicy},
		"two statements":          {`{"Statement":[{"Resource":"*","Condition":{` + until + `}},{"Resource":"*","Condition":{` + until + `}}]}`, MalformedPolicy},
		"unknown condition":       {statement("*", `,"StringEquals":{"a":"b"}`), MalformedPolicy},
		"twice":                   {`{"Statement":[{"Resource":"https://e/","Resource":"*","Condition":{` + until + `}}]}`, MalformedPolicy},
		"twice by case":           {`{"Statement":[{"Resource":"https://e/","resource":"*","Condition":{` + until + `}}]}`, MalformedPolicy},
		"end as text":             {`{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":"1893456000"}}}]}`, MalformedPolicy},
		"bad address":             {statement("*", `,"IpAddress":{"AWS:SourceIp":"here"}`), MalformedPolicy},
		"more behind it":          {statement("*", "") + " {}", MalformedPolicy},
		"no JSON":                 {"{", MalformedPolicy},
	} {
		if d := ask(s.keys, url, s.cookies(tt.policy), "192.0.2.7", day); d != tt.want {
			t.Errorf("%s: %q, want %q", name, d.Why(), tt.want.Why())
		}
	}
}

func TestCredentials(t *testing.T) {
	v, k := load(t)
	url, query, _ := strings.Cut(v.Cases[0].URL, "?")
	s := newSigner(t)
	all := s.cookies(`{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":1893456000}}}]}`)
	for name, tt := range map[string]struct {
		keys           *Keys
		query, cookies string
		want           Denial
	}{
		"nothing":              {k, "size=large", "a=b", MissingKey},
		"no policy":            {k, "Key-Pair-Id=KRSA&Signature=x", "", MissingPolicy},
		"no signature":         {k, "Key-Pair-Id=KRSA&Expires=1", "", MissingSignature},
		"unknown key":          {k, "Key-Pair-Id=X&Expires=1&Signature=eA__", "", UnknownKey},
		"bad expiry":           {k, "Key-Pair-Id=KRSA&Expires=x&Signature=eA__", "", MalformedPolicy},
		"bad signature":        {k, "Key-Pair-Id=KRSA&Expires=1&Signature=%21", "", MalformedSignature},
		"unknown hash":         {k, query + "&Hash-Algorithm=MD5", "", MalformedSignature},
		"other hash":           {k, query + "&Hash-Algorithm=SHA256", "", WrongSignature},
		"a second key":         {k, query + "&Key-Pair-Id=KEC", "", Passed}, // the first one counts
		"cookies":              {s.keys, "", all, Passed},
		"a URL comes first":    {s.keys, "Expires=1", all, MissingKey},
		"key of another group": {k, "", all, UnknownKey},
	} {
		if d := ask(tt.keys, url+"?"+tt.query, tt.cookies, "192.0.2.7", day); d != tt.want {
			t.Errorf("%s: %q, want %q", name, d.Why(), tt.want.Why())
		}
	}
	if _, own := Take("a=1&Expires=2&b=3&Signature=x&Key-Pair-Id=y", ""); own != "a=1&b=3" {
		t.Errorf("the viewer's own query is %q", own)
	}
}

func TestKeysThatCloudFrontRefuses(t *testing.T) {
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&small.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no PEM": "x", "a private key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
		"P-224": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	} {
		if _, err := New(map[string]string{"K": text}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// FuzzPolicy: whatever a policy says, reading ends, and what is read is bounded
// by an end.
func FuzzPolicy(f *testing.F) {
	f.Add(`{"Statement":[{"Resource":"http://a/*","Condition":{"DateLessThan":{"AWS:EpochTime":1},"IpAddress":{"AWS:SourceIp":"1.2.3.4/5"}}}]}`, "http://a/b")
	f.Add(`{"Statement":[{"Resource":"*?*?*","Condition":{"DateLessThan":{"AWS:EpochTime":-1}}}]}`, "xyz")
	f.Fuzz(func(t *testing.T, text, url string) {
		p, err := parse([]byte(text))
		if err != nil {
			return
		}
		rq := &Request{URL: url, Addr: netip.MustParseAddr("192.0.2.1"), Now: p.before}
		if d := p.judge(rq); d != Expired {
			t.Errorf("%s: %q at its end", text, d.Why())
		}
	})
}
