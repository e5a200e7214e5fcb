// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// signer is the key pair K1 of the scripts.
var signer = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // no random numbers: nothing works
	}
	return key
})

// signerPEM is its public key.
func signerPEM(t *testing.T) string {
	der, err := x509.MarshalPKIXPublicKey(&signer().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// sign signs a request as its pseudo field says: "url 60s" by a canned policy in
// the query string, "cookies RESOURCE 60s" by a custom one in cookies.
func sign(rq *httpmsg.Request, how string) {
	words := strings.Fields(how)
	life, err := time.ParseDuration(words[len(words)-1])
	if err != nil {
		panic(err) // the script is wrong
	}
	resource := rq.Scheme + "://" + rq.Host + rq.Target()
	if len(words) == 3 {
		resource = words[1]
	}
	until := time.Now().Add(life).Unix()
	statement := fmt.Sprintf(`{"Statement":[{"Resource":%q,"Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, resource, until)
	sum := sha1.Sum([]byte(statement))
	raw, err := signer().Sign(rand.Reader, sum[:], crypto.SHA1)
	if err != nil {
		panic(err)
	}
	text := func(b []byte) string {
		return strings.NewReplacer("+", "-", "=", "_", "/", "~").Replace(base64.StdEncoding.EncodeToString(b))
	}
	if words[0] == "url" {
		if rq.Query != "" {
			rq.Query += "&"
		}
		rq.Query += fmt.Sprintf("Expires=%d&Signature=%s&Key-Pair-Id=K1", until, text(raw))
		return
	}
	rq.Header.Add("Cookie", "CloudFront-Policy="+text([]byte(statement))+"; CloudFront-Signature="+text(raw)+"; CloudFront-Key-Pair-Id=K1")
}
