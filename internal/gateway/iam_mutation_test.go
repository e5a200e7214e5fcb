// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/sigv4"
)

// mutation changes one thing of a signed request that its signature covers;
// false: it found nothing to change.
type mutation struct {
	name string
	make func(rng *rand.Rand, rq *http.Request) bool
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// another is a letter that c is not.
func another(rng *rand.Rand, c byte) byte {
	for {
		if n := letters[rng.IntN(len(letters))]; n != c {
			return n
		}
	}
}

// replaced is s with one of its letters or digits, from at on, replaced.
func replaced(rng *rand.Rand, s string, at int) (string, bool) {
	var places []int
	for i := at; i < len(s); i++ {
		if strings.IndexByte(letters, s[i]) >= 0 && (i == 0 || s[i-1] != '%') && (i < 2 || s[i-2] != '%') {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return s, false
	}
	i := places[rng.IntN(len(places))]
	return s[:i] + string(another(rng, s[i])) + s[i+1:], true
}

func setBody(rq *http.Request, body []byte) {
	rq.Body, rq.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

func mutations() []mutation {
	field := func(rng *rand.Rand, rq *http.Request, name string) bool {
		v, ok := replaced(rng, rq.Header.Get(name), 0)
		if ok {
			rq.Header.Set(name, v)
		}
		return ok
	}
	return []mutation{
		{"method", func(rng *rand.Rand, rq *http.Request) bool {
			was := rq.Method
			for rq.Method == was {
				rq.Method = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"}[rng.IntN(7)]
			}
			return true
		}},
		{"path", func(rng *rand.Rand, rq *http.Request) (ok bool) {
			path, ok := replaced(rng, rq.URL.EscapedPath(), len("/prod/"))
			rq.URL.Path, rq.URL.RawPath = path, "" // what was encoded is so once more
			return ok
		}},
		{"longer path", func(rng *rand.Rand, rq *http.Request) bool {
			rq.URL.Path, rq.URL.RawPath = rq.URL.Path+"/"+string(another(rng, 0)), ""
			return true
		}},
		{"query", func(rng *rand.Rand, rq *http.Request) (ok bool) {
			rq.URL.RawQuery, ok = replaced(rng, rq.URL.RawQuery, 0)
			return ok
		}},
		{"one more parameter", func(rng *rand.Rand, rq *http.Request) bool {
			rq.URL.RawQuery = strings.TrimPrefix(rq.URL.RawQuery+"&z"+strconv.Itoa(rng.IntN(1000)), "&")
			return true
		}},
		{"no query", func(_ *rand.Rand, rq *http.Request) bool {
			ok := rq.URL.RawQuery != ""
			rq.URL.RawQuery = ""
			return ok
		}},
		{"host", func(_ *rand.Rand, rq *http.Request) bool {
			rq.Host = "restrestre.execute-api.localhost"
			return true
		}},
		{"body", func(rng *rand.Rand, rq *http.Request) bool {
			if rq.Body == nil {
				setBody(rq, []byte{byte(rng.IntN(256))})
				return true
			}
			body, err := io.ReadAll(rq.Body)
			if err != nil {
				return false
			}
			switch rng.IntN(3) {
			case 0:
				body[rng.IntN(len(body))] ^= byte(1 + rng.IntN(255))
			case 1:
				body = body[:rng.IntN(len(body))]
			default:
				body = append(body, byte(rng.IntN(256)))
			}
			setBody(rq, body)
			return true
		}},
		{"a signed field", func(rng *rand.Rand, rq *http.Request) bool { return field(rng, rq, "X-Kind") }},
		{"date", func(rng *rand.Rand, rq *http.Request) bool { return field(rng, rq, "X-Amz-Date") }},
		{"token", func(rng *rand.Rand, rq *http.Request) bool { return field(rng, rq, "X-Amz-Security-Token") }},
		{"authorization", func(rng *rand.Rand, rq *http.Request) bool { return field(rng, rq, "Authorization") }},
		{"any byte of it", func(rng *rand.Rand, rq *http.Request) bool {
			a := rq.Header.Get("Authorization")
			if a == "" {
				return false
			}
			i, c := rng.IntN(len(a)), byte(33+rng.IntN(94))
			if a[i] == c || a[i] == ' ' {
				return false
			}
			rq.Header.Set("Authorization", a[:i]+string(c)+a[i+1:])
			return true
		}},
		{"a shorter signature", func(rng *rand.Rand, rq *http.Request) bool {
			a := rq.Header.Get("Authorization")
			if a != "" {
				rq.Header.Set("Authorization", a[:len(a)-1-rng.IntN(64)])
			}
			return a != ""
		}},
		{"a field is gone", func(rng *rand.Rand, rq *http.Request) bool {
			name := []string{"X-Amz-Date", "X-Amz-Security-Token", "Authorization", "X-Kind"}[rng.IntN(4)]
			ok := rq.Header.Get(name) != ""
			rq.Header.Del(name)
			return ok
		}},
		{"a field is there twice", func(rng *rand.Rand, rq *http.Request) bool {
			name := []string{"X-Amz-Date", "X-Amz-Security-Token", "Authorization", "X-Kind"}[rng.IntN(4)]
			v := rq.Header.Get(name)
			if v != "" {
				rq.Header.Add(name, v)
			}
			return v != ""
		}},
	}
}

// TestA13MutatedRequests changes 20,000 requests that are well signed, each in
// one place that the signature covers. None may reach the function.
func TestA13MutatedRequests(t *testing.T) {
	r := iamRig(t, anyREST())
	r.g.(*Gateway).log = nil
	rng, all, tried := rand.New(rand.NewPCG(13, 4)), mutations(), map[string]int{}
	const want = 20_000
	for n := 0; n < want; {
		s := signing{key: []string{sessionKey, aliceKey}[rng.IntN(2)], presigned: rng.IntN(2) == 0, at: time.Now()}
		method, body := "GET", ""
		if s.key == sessionKey && rng.IntN(2) == 0 {
			method, body = "POST", `{"order":`+strconv.Itoa(rng.IntN(1<<30))+`}`
		}
		target := restHost + "/prod/items/" + strconv.Itoa(rng.IntN(1000)) + "/a%20b"
		if rng.IntN(2) == 0 {
			target += "?page=" + strconv.Itoa(rng.IntN(1000)) + "&q=x%2Fy&q=2"
		}
		rq := s.request(t, method, target, body)
		if n%100 == 0 {
			if resp, text := r.ask(s.request(t, method, target, body)); resp.StatusCode != 200 {
				t.Fatalf("as it was signed: %d %s", resp.StatusCode, text)
			}
		}
		m := all[rng.IntN(len(all))]
		if !m.make(rng, rq) {
			continue
		}
		n++
		tried[m.name]++
		if resp, _ := r.ask(rq); r.fn.last != nil || resp.StatusCode == 200 {
			t.Fatalf("%s: %d, %s %s %v passes", m.name, resp.StatusCode, rq.Method, rq.URL, rq.Header)
		}
	}
	for _, m := range all {
		if tried[m.name] < 100 {
			t.Errorf("%s was tried %d times", m.name, tried[m.name])
		}
	}
}

// TestA13SignersOfOthers: a signature by one key under the name of another never
// passes, whatever the two may do.
func TestA13SignersOfOthers(t *testing.T) {
	r := iamRig(t, anyREST())
	keys := []string{aliceKey, bobKey, sessionKey, farKey}
	for _, claimed := range keys {
		for _, real := range keys {
			if claimed == real {
				continue
			}
			for _, presigned := range []bool{false, true} {
				resp, body := r.ask(signing{key: claimed, secret: secretOf(real), presigned: presigned}.request(t, "GET", restHost+"/prod/me", ""))
				if r.fn.last != nil || resp.Header.Get("X-Amzn-Errortype") != sigv4.Mismatched.String() {
					t.Errorf("%s signed by %s: %d %s", claimed, real, resp.StatusCode, body)
				}
			}
		}
	}
}
