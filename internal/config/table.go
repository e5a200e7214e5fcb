// SPDX-License-Identifier: Apache-2.0

package config

// The table of settings: key, sentence, place in Node. It is read by Parse, by
// Print and by Schema, so that the file, its schema and the reference page
// (docs/node.md) cannot say different things.

// form is what a text must look like. The list is closed.
type form uint8

const (
	anyText   form = iota
	address        // host:port to listen on, or off
	file           // a path; relative to the folder of the configuration
	url            // http or https
	network        // 10.0.0.0/8 or 10.0.0.1
	guard          // safe or exact
	peer           // host:port of another node
	nats           // tls:// or nats:// URLs, separated by commas
	accountID      // twelve digits
	name           // letters, digits, - and _
	files          // two paths with a comma, or one
	ip             // an address without a port
)

// setting is one key of the file. It has either a place or settings below it.
type setting struct {
	key, doc string
	// to is a pointer into a Node: *string, *bool, *int, *float64, *Size,
	// *time.Duration, *[]string, *map[string]string, *[]Role, *[]Certificate.
	to   any
	form form
	sub  []setting
}

// table binds the settings to n.
func table(n *Node) []setting {
	return []setting{
		{key: "name", doc: "Name of the node in its cluster; the host's name when it is not given.", to: &n.Name, form: name},
		{key: "data", doc: "Folder for the node's state: bundles, the last snapshot, built functions, logs, the cache on disk. Required.", to: &n.Data, form: file},
		{key: "roles", doc: "What this node runs: edge, gateway, function, control, dns. All of them when it is not given.", to: &n.Roles},
		{key: "region", doc: "Region that stacks are evaluated for when they name none (us-east-1).", to: &n.Region, form: name},
		{key: "account", doc: "Account that stacks are evaluated for when they name none (123456789012).", to: &n.Account, form: accountID},
		{key: "listen", doc: "How viewers reach the node.", sub: []setting{
			{key: "http", doc: "Address for HTTP, or off.", to: &n.Listen.HTTP, form: address},
			{key: "https", doc: "Address for HTTPS, or off.", to: &n.Listen.HTTPS, form: address},
			{key: "http3", doc: "HTTP/3 beside HTTPS, on the UDP port of the same number.", to: &n.Listen.HTTP3},
			{key: "h2c", doc: "HTTP/2 on the address for HTTP too, for viewers that begin with it.", to: &n.Listen.H2C},
			{key: "h2WebSocket", doc: "WebSocket over HTTP/2 (RFC 8441), which CloudFront does not offer.", to: &n.Listen.H2WebSocket},
			{key: "reusePort", doc: "Let other processes of this user listen on the same addresses (SO_REUSEPORT).", to: &n.Listen.ReusePort},
			{key: "proxyProtocol", doc: "Networks of load balancers that begin each connection with the PROXY protocol, and must.", to: &n.Listen.ProxyProtocol, form: network},
			{key: "connections", doc: "Connections of viewers at once; 0 is half of the file descriptors, at most 32768.", to: &n.Listen.Connections},
			{key: "connectionsPerAddress", doc: "Connections at once of one address, or of one IPv6 /64; 0 is half of connections.", to: &n.Listen.PerAddress},
			{key: "drain", doc: "How long requests may take to finish when the node stops.", to: &n.Listen.Drain},
			{key: "drainDelay", doc: "How long the node goes on serving before that while /readyz says 503, so that a load balancer sends nothing more.", to: &n.Listen.DrainDelay},
			{key: "tunnel", doc: "Address, TCP and UDP, that agents of private origins dial (forelane connect); nowhere when it is not given.", to: &n.Listen.Tunnel, form: address},
			{key: "endpoint", doc: "Address, [NAME=]HOST:PORT, by which private APIs are reached, and nothing else; nowhere when it is not given.", to: &n.Listen.Endpoint},
		}},
		{key: "admin", doc: "The admin side: status, metrics, invalidations, deploys. Beyond loopback it needs a token and TLS.", sub: []setting{
			{key: "listen", doc: "Address of the admin side, or off.", to: &n.Admin.Listen, form: address},
			{key: "tokenFile", doc: "File with the token that callers send (Authorization: Bearer). Nobody else may read it.", to: &n.Admin.TokenFile, form: file},
			{key: "certificate", doc: "Certificate of the admin side, PEM.", to: &n.Admin.Certificate, form: file},
			{key: "key", doc: "Key of the certificate, PEM; in the certificate's file when it is not given.", to: &n.Admin.Key, form: file},
		}},
		{key: "tls", doc: "What viewers are shown.", sub: []setting{
			{key: "localAuthority", doc: "Sign for names without a certificate by the certificate authority of this machine.", to: &n.TLS.LocalAuthority},
			{key: "acme", doc: "Certificates for the public names of distributions and custom domains by ACME.", sub: []setting{
				{key: "email", doc: "Address that the authority writes to, to whose terms you agree by it; none: no ACME.", to: &n.TLS.ACME.Email},
				{key: "directory", doc: "The authority's directory; Let's Encrypt's when it is not given.", to: &n.TLS.ACME.Directory, form: url},
			}},
			{key: "certificates", doc: "Certificates by the names in them, read anew when they change; CERT.ocsp is stapled.", to: &n.TLS.Certificates},
		}},
		{key: "cache", doc: "The edge cache.", sub: []setting{
			{key: "memory", doc: "Memory of the cache.", to: &n.Cache.Memory},
			{key: "disk", doc: "Space below data; what is there survives a restart. None when it is not given.", to: &n.Cache.Disk},
			{key: "leakGuard", doc: "safe: do not store answers that could be one viewer's; exact: store them as CloudFront does, and warn.", to: &n.Cache.LeakGuard, form: guard},
		}},
		{key: "geo", doc: "Databases of places or networks (MaxMind's format), for geo restriction, CloudFront-Viewer-Country and the like, rules of web ACLs.", to: &n.Geo, form: file},
		{key: "origins", doc: "Other addresses for origins: Id, Distribution/Id or host, and the URL.", to: &n.Origins, form: url},
		{key: "originCredentials", doc: "Sign requests to origins with an access control that are not of a stack (SigV4): env for AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION, or a profile of the shared credentials file.", to: &n.Signing},
		{key: "services", doc: "Endpoints of AWS services that integrations of APIs call: the service's name, such as dynamodb, and the URL. What they are asked is signed with originCredentials.", to: &n.Services, form: url},
		{key: "originCertificates", doc: "Certificates shown to origins whose OriginMtlsConfig names the ARN: ARN and CERT.pem or CERT.pem,KEY.pem, read anew when they change.", to: &n.Shown, form: files},
		{key: "trustStores", doc: "Authorities of viewers' certificates for trust stores, in place of their buckets: the id or logical id, and a file of certificates, PEM.", to: &n.Trusted, form: file},
		{key: "principals", doc: "File of principals: who may sign requests for AWS_IAM, with which access keys and policies (docs/principals.md), read anew when it changes. Nobody when it is not given. Nobody else may read it.", to: &n.Signers, form: file},
		{key: "issuers", doc: "Other addresses for issuers of tokens: URL and URL.", to: &n.Issuers, form: url},
		{key: "api", doc: "The limit of all APIs together, as an account of AWS has one.", sub: []setting{
			{key: "rate", doc: "Requests a second; 0 is no limit.", to: &n.API.Rate},
			{key: "burst", doc: "Requests at once.", to: &n.API.Burst},
			{key: "cache", doc: "Memory of the caches of stages, all together.", to: &n.API.Cache},
		}},
		{key: "functions", doc: "How functions run.", sub: []setting{
			{key: "concurrency", doc: "Processes a function may have at once when it reserves none; 0 is 10.", to: &n.Functions.Concurrency},
			{key: "environmentFile", doc: "NAME=value lines for every function, and the values of {{resolve:…}} and of SSM parameters. Nobody else may read it.", to: &n.Functions.EnvironmentFile, form: file},
			{key: "nodePath", doc: "Folders where functions find node modules, such as @aws-sdk/*.", to: &n.Functions.NodePath, form: file},
			{key: "pythonPath", doc: "Folders where functions find Python modules, such as boto3.", to: &n.Functions.PythonPath, form: file},
		}},
		{key: "log", doc: "What is written about requests.", sub: []setting{
			{key: "access", doc: "File of CloudFront's 33-field access log, - for stdout; access.log in data when it is not given.", to: &n.Log.Access, form: file},
			{key: "requests", doc: "A line for each request on stderr.", to: &n.Log.Requests},
			{key: "format", doc: "Form of the access log: standard (CloudFront's version 1), json, plain, w3c or raw (version 2), tags (JSON with everything that is known).", to: &n.Log.Format, form: name},
			{key: "fields", doc: "Fields of a version 2 log, separated by commas; the 33 of version 1 when it is not given.", to: &n.Log.Fields},
			{key: "files", doc: "Folder for log files as CloudFront delivers them: compressed, one a distribution and hour.", to: &n.Log.Files, form: file},
			{key: "kinesis", doc: "URL of Kinesis that real-time logs are sent to, signed by originCredentials, besides the files in realtime below data; nowhere when it is not given.", to: &n.Log.Kinesis, form: url},
			{key: "rotateSize", doc: "Size at which an access log makes room for a new file; any when it is not given.", to: &n.Log.RotateSize},
			{key: "rotateEvery", doc: "Age at which it does, from midnight UTC on; 0 is any.", to: &n.Log.RotateEvery},
			{key: "keep", doc: "How many rotated files are kept; 0 is all.", to: &n.Log.Keep},
			{key: "gzip", doc: "Compress rotated files.", to: &n.Log.Gzip},
		}},
		{key: "trace", doc: "Traces of requests, from viewer to function (OpenTelemetry).", sub: []setting{
			{key: "endpoint", doc: "OTLP/HTTP collector, such as http://localhost:4318; none: no traces.", to: &n.Trace.Endpoint, form: url},
			{key: "headersFile", doc: "File of NAME=value lines: headers for the collector. Nobody else may read it.", to: &n.Trace.HeadersFile, form: file},
			{key: "ratio", doc: "Which part of the requests is traced, 0 to 1, when their viewer has not decided.", to: &n.Trace.Ratio},
			{key: "ignoreViewers", doc: "Start a trace of its own for each request, whatever its viewer says of one.", to: &n.Trace.IgnoreViewers},
		}},
		{key: "explain", doc: "What the node tells of single requests: forelane explain --id, and debug headers.", sub: []setting{
			{key: "recent", doc: "How long requests are kept in memory for forelane explain --id; 0s: they are not.", to: &n.Explain.Recent},
			{key: "memory", doc: "Memory for them; about 2,500 requests a MiB, half of it for hits.", to: &n.Explain.Memory},
			{key: "debugTokenFile", doc: "File with the token that viewers send as X-Forelane-Debug to get X-Forelane-… headers that explain the answer. Nobody else may read it.", to: &n.Explain.DebugTokenFile, form: file},
		}},
		{key: "dns", doc: "Where the zones of stacks are answered.", sub: []setting{
			{key: "listen", doc: "Address, UDP and TCP; nowhere when it is not given.", to: &n.DNS.Listen, form: address},
			{key: "addresses", doc: "IP addresses that are answered where an alias leads to a distribution or an API; those of the node's own listeners when it is not given.", to: &n.DNS.Addresses, form: ip},
			{key: "rate", doc: "Answers of one meaning that a network gets in a second over UDP; 0 is no limit.", to: &n.DNS.Rate},
			{key: "latency", doc: "Files of lines PREFIX REGION MILLISECONDS, or URLs of other nodes' figures, for latency records.", to: &n.DNS.Latency},
			{key: "healthInterval", doc: "How often health is checked, in place of the health checks' own; 0 is theirs.", to: &n.DNS.HealthInterval},
		}},
		{key: "cluster", doc: "The other nodes. Without it the node is alone.", sub: clusterTable(n)},
		{key: "peers", doc: "The other nodes of the region that this one asks, or that ask it: edges for each other's misses, gateways for APIs.", sub: peersTable(n)},
	}
}
