// SPDX-License-Identifier: Apache-2.0

// Keys of issuers. An issuer is asked (discovery document, then key set) when
// a token names a key that is not known, and again when what is known is older
// than freshFor; then the old keys serve on while the fetch runs. One fetch at
// a time an issuer, whoever waits for it.
//
//	token by a known key, fresh             no fetch
//	token by a known key, old               no wait; one fetch behind it
//	token by an unknown key                 waits for the fetch that is under way
//	the same, soon after a fetch            refused at once, no fetch
//
// "Soon" is what makes invented key ids harmless: no request can make an
// issuer be asked more often than every minInterval, and later every longest
// when it does not answer. A rotated key is known at most minInterval after its first token. While an
// issuer is down, its keys outlive it by staleFor; each failed fetch is
// logged with the age of the keys.

package authorizer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	fetchTimeout = 1500 * time.Millisecond // row A11, each of the two fetches
	freshFor     = 15 * time.Minute        // AWS may keep keys for two hours
	staleFor     = 24 * time.Hour
	minInterval  = 10 * time.Second
	firstRetry   = time.Second
	longest      = 30 * time.Second
	maxIssuers   = 1000
)

// IssuerOptions are how Issuers reach out.
type IssuerOptions struct {
	// Client fetches. Nil: every issuer counts as down.
	Client http.RoundTripper
	// At gives issuers another address: the documents are fetched there, and
	// tokens may name it as their issuer as well.
	At map[string]string
	// Log takes outages and their ends. Nil: dropped.
	Log *slog.Logger
}

// Issuers keeps the keys of all issuers of a node, and the tokens that they
// signed, over revisions.
type Issuers struct {
	o      IssuerOptions
	tokens *memory
	mu     sync.Mutex
	set    map[string]*keySet
}

// NewIssuers knows no key yet.
func NewIssuers(o IssuerOptions) *Issuers {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Issuers{o: o, tokens: newMemory(), set: map[string]*keySet{}}
}

// keySet is what is known of one issuer.
type keySet struct {
	names  []string // what tokens may call it
	at     string   // where its documents are
	client http.RoundTripper
	log    *slog.Logger

	mu     sync.Mutex
	keys   map[string]key
	loaded time.Time // when keys were fetched
	next   time.Time // no fetch before
	failed int       // fetches in a row
	err    error     // of the last one
	flight chan struct{}
}

// get finds or makes the key set of an issuer.
func (i *Issuers) get(issuer string) (*keySet, error) {
	if i == nil {
		return nil, errors.New("there is no way to reach issuers")
	}
	at := issuer
	if moved := i.o.At[issuer]; moved != "" {
		at = moved
	}
	if _, err := reachable(at); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if k := i.set[issuer]; k != nil {
		return k, nil
	}
	k := &keySet{names: []string{issuer}, at: at, client: i.o.Client, log: i.o.Log}
	if at != issuer {
		k.names = append(k.names, at)
	}
	if len(i.set) < maxIssuers { // issuers come from templates; more than that are not shared
		i.set[issuer] = k
	}
	return k, nil
}

// key finds a key, fetching when that can help.
func (k *keySet) key(ctx context.Context, kid string) (key, error) {
	found, wait := k.known(kid, true)
	if wait == nil {
		if found.public == nil {
			return key{}, k.absence()
		}
		return found, nil
	}
	select {
	case <-wait:
	case <-ctx.Done():
		return key{}, ctx.Err()
	}
	if found, _ = k.known(kid, false); found.public == nil {
		return key{}, k.absence()
	}
	return found, nil
}

// known looks kid up. wait is the fetch to wait for when it is not known;
// nil: none can help now.
func (k *keySet) known(kid string, fetch bool) (found key, wait <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	age := now.Sub(k.loaded)
	if k.keys != nil && age >= staleFor {
		k.keys = nil
		k.log.Error("the keys of an issuer are too old to be used", "issuer", k.names[0], "age", age)
	}
	found = k.keys[kid]
	if fetch && (found.public == nil || age >= freshFor) {
		if k.flight == nil && !now.Before(k.next) {
			k.flight = make(chan struct{})
			go k.refresh(k.flight)
		}
		if found.public == nil && k.flight != nil {
			return key{}, k.flight
		}
	}
	return found, nil
}

var errUnknownKey = errors.New("the issuer publishes no key with the token's id")

// absence is why a key was not found.
func (k *keySet) absence() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil && k.err != nil {
		return &outage{k.err}
	}
	return errUnknownKey
}

// outage is that nothing is known of an issuer because it could not be asked.
type outage struct{ cause error }

// Error names the cause.
func (o *outage) Error() string { return "the issuer's keys could not be fetched: " + o.cause.Error() }

// Unwrap is the cause.
func (o *outage) Unwrap() error { return o.cause }

// refresh fetches and lets those go who wait.
func (k *keySet) refresh(flight chan struct{}) {
	keys, err := k.fetch()
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if k.err = err; err == nil {
		if k.failed > 0 {
			k.log.Info("the keys of an issuer are fresh again", "issuer", k.names[0], "failed", k.failed)
		}
		k.keys, k.loaded, k.failed, k.next = keys, now, 0, now.Add(minInterval)
	} else {
		k.next = now.Add(min(longest, firstRetry<<min(k.failed, 5)))
		k.failed++
		args := []any{"issuer", k.names[0], "error", err, "failed", k.failed}
		if k.keys != nil {
			args = append(args, "keys kept for", now.Sub(k.loaded))
		}
		k.log.Warn("the keys of an issuer could not be fetched", args...)
	}
	k.flight = nil
	close(flight)
}

func (k *keySet) fetch() (map[string]key, error) {
	if k.client == nil {
		return nil, errors.New("there is no client")
	}
	doc, err := k.get(strings.TrimSuffix(k.at, "/") + "/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	uri, err := parseDiscovery(doc, k.names)
	if err != nil {
		return nil, err
	}
	local, err := reachable(uri)
	if err != nil {
		return nil, err
	}
	if home, _ := reachable(k.at); local && !home {
		return nil, fmt.Errorf("%s: only an issuer on this machine may have its keys on it", uri)
	}
	set, err := k.get(uri)
	if err != nil {
		return nil, err
	}
	return parseKeys(set)
}

// get fetches a document; redirects are not followed.
func (k *keySet) get(uri string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	rq.Header.Set("Accept", "application/json")
	rs, err := k.client.RoundTrip(rq)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	defer rs.Body.Close()
	if rs.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", uri, rs.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(rs.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("%s: more than %d bytes", uri, maxDocument)
	}
	return data, nil
}
