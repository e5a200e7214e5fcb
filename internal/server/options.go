// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/geo"
	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/principal"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/server/logs"
	"github.com/forelane/forelane/internal/viewer"
	"github.com/forelane/forelane/internal/viewer/certificate"
	"github.com/forelane/forelane/internal/viewer/localca"
)

// Options of a Server. Zero values are usable unless a field says otherwise.
type Options struct {
	// HTTP, HTTPS and Admin are addresses to listen on; empty: not at all.
	// Port 0 picks one.
	HTTP, HTTPS, Admin string
	// AdminTLS makes the admin side speak TLS, and AdminToken is what callers
	// must send (Authorization: Bearer). Required when Admin is reached from
	// other machines.
	AdminTLS   *tls.Config
	AdminToken string
	// AdminRoutes are more of the admin side, by the pattern of http.ServeMux.
	AdminRoutes map[string]http.Handler
	// Listeners are used in place of addresses, by kind (http, https, admin):
	// those of a predecessor or of a service manager. They are the Server's
	// from Bind on.
	Listeners map[string]net.Listener
	// Predecessor is closed when the process whose Listeners these are has let
	// go of everything: what cannot be handed over is bound then, and the cache
	// on disk is taken over. Nil: there is none.
	Predecessor <-chan struct{}
	// ReusePort lets other processes of this user bind HTTP and HTTPS as well.
	ReusePort bool
	// Connections bound viewers; zero fields are the viewer's defaults.
	Connections viewer.Bounds
	// Balancers are peers of HTTP and HTTPS who tell the viewer's address by the
	// PROXY protocol, and must.
	Balancers []netip.Prefix
	// HTTP3 makes HTTPS speak HTTP/3 too, on the UDP port of the same number.
	HTTP3 bool
	// Data is the folder for built functions and logs. Required.
	Data string
	// CA signs for HTTPS where Certificates have none. Nil: such a handshake
	// fails. One of the two is required when HTTPS is set.
	CA *localca.Authority
	// Certificates of the operator come before those of CA. Nil: none.
	Certificates *certificate.Store
	// H2C lets viewers speak HTTP/2 on HTTP, by prior knowledge.
	H2C bool
	// H2WebSocket offers WebSocket over HTTP/2 (RFC 8441), which CloudFront
	// does not. Over HTTP/1.1 it always passes.
	H2WebSocket bool
	// Tunnel is the address, TCP and UDP, to which agents of private origins
	// dial. Empty: there are none, and a private origin answers 502.
	Tunnel string
	// Endpoint is the address of an interface endpoint: what comes there may ask
	// private APIs and nothing else. Empty: there is none. EndpointID is its
	// logical id or vpce-…; empty: the only one, or the one that the Host names.
	Endpoint, EndpointID string
	// Origins replace origins by URL. The key is a host name, an origin's Id,
	// or "Distribution/Id" by logical id.
	Origins map[string]string
	// Issuers give issuers of tokens, user pools among them, another address:
	// there their keys are fetched, and tokens may name it as their issuer.
	Issuers map[string]string
	// Principals are who may sign requests for AWS_IAM, as they are now; it is
	// asked for each such request. Nil: nobody is known, and they are refused.
	Principals func() *principal.Set
	// Services are the endpoints of AWS services that integrations call, URLs by
	// the service's name; OriginSigner signs what they are asked.
	Services map[string]string
	// OriginSigner signs requests to origins with an access control that are not
	// of this process. Nil: they go out unsigned, and are told.
	OriginSigner *origin.Signer
	// OriginCert gives the certificate that is shown to origins with mTLS, by
	// its ARN; nil when there is none for it. Nil: there is none at all.
	OriginCert func(arn string) (*tls.Certificate, error)
	// KeySecret is what the values of API keys that have none are made of, alike
	// on all nodes that share it. Nil: one of the data folder.
	KeySecret []byte
	// TrustStore gives the authorities, in PEM, of a trust store of viewer mTLS, by
	// its id or logical id; nil: those of its bucket count. Nil: there are none.
	TrustStore func(id string) ([]byte, error)
	// Roots are trusted for HTTPS origins and issuers. Nil: the system's.
	Roots *x509.CertPool
	// CacheBytes is the memory of the edge cache. 0: 256 MiB.
	CacheBytes int64
	// CacheDisk is how much of the disk the cache may take, in Data/cache. 0:
	// none. What is there outlives the node. While a Predecessor has it, the
	// cache is in memory only.
	CacheDisk int64
	// Geo tells where viewers are. Nil: nobody knows. It is the Server's from New
	// on, which closes it.
	Geo *geo.DB
	// Safe lets distributions that do not say store no answer that could be one
	// viewer's (the edge's leak guard). False: they do as CloudFront does.
	Safe bool
	// Carrier sees to it that all nodes do an invalidation (Server.Drop on
	// each). Nil: there is but this one.
	Carrier invalidation.Carrier
	// Promote is asked in place of Server.Promote and Server.Demote (no staging)
	// by the admin side: on all nodes of a cluster. Nil: this node is alone.
	Promote func(ctx context.Context, primary, staging string) error
	// Peers are the other edges of the region. Nil: there are none.
	Peers *Peers
	// APIRate and APIBurst are the limit of all APIs together, in requests a
	// second. 0: AWS's own for an account, 10,000 and 5,000; below zero: none.
	APIRate  float64
	APIBurst int
	// Current tells whether this node has surely applied every invalidation that
	// anybody was told to be complete before now. Where it has not, what is
	// cached is revalidated. It is asked for each request: it must neither block
	// nor allocate. Nil: always, for this node is alone.
	Current func(now time.Time) bool
	// NoEdge leaves distributions out: they are served elsewhere.
	NoEdge bool
	// NoGateway leaves APIs, function URLs and functions out: Peers.Gateways
	// answer for them.
	NoGateway bool
	// Words share the counts of quotas with other nodes. Nil: this node is alone.
	Words Words
	// APICache is the memory of all stage caches of APIs together. 0: 64 MiB.
	APICache int64
	// DNS are the options of zones, health checks and latencies.
	DNS DNS
	// Functions are handed on to the function service; Dir, Metrics and Log are
	// set here.
	Functions function.Options
	// DrainDelay is how long Close goes on accepting, unready: so long a load
	// balancer that asks /readyz may take to send nothing more. 0: it does not.
	DrainDelay time.Duration
	// Version is that of the binary, for those who ask what runs.
	Version string
	// Rotation is that of the access logs of stages.
	Rotation record.Rotation
	// ACME gets certificates for the public names of distributions and custom
	// domains. The zero value: it does not.
	ACME ACMEOptions
	// Trace samples requests. The zero value: none.
	Trace TraceOptions
	// Dropped is how many lines the logs behind Record have lost. Nil: none.
	Dropped func() int64
	// Record takes one record an exchange. It must not block. Nil: dropped.
	Record func(*record.Record)
	// Recent bounds what is kept of the last requests for explanations by id. The
	// zero value: nothing is.
	Recent record.RecentOptions
	// DebugToken is what viewers send in X-Forelane-Debug to get debug headers.
	// Empty: nobody gets them.
	DebugToken string
	// RecordPlace says that Record looks at the viewer's country and network.
	RecordPlace bool
	// Kinesis is where real-time logs are sent, beside files in Data. The zero
	// value: nowhere.
	Kinesis Kinesis
	// Log takes what an operator should know. Nil: dropped.
	Log *slog.Logger
	// OnLogLine takes each line of a function's log. Nil: only kept.
	OnLogLine func(function.LogLine)
}

// Kinesis is where real-time logs are sent, beside the files of the node. The
// zero Kinesis: nowhere.
type Kinesis = logs.Kinesis
