// SPDX-License-Identifier: Apache-2.0

package model

// RealtimeLog is an AWS::CloudFront::RealtimeLogConfig.
type RealtimeLog struct {
	LogicalID string
	Name      string
	ARN       string
	Pos       string

	Sampling int      // percent of the requests, 1 to 100
	Fields   []string // at least one
	Streams  []string // ARNs of Kinesis data streams
}

// LogDelivery is an AWS::Logs::Delivery with its source and its destination: a
// standard log, version 2, of a distribution.
type LogDelivery struct {
	LogicalID string
	ID        string // as Ref gives it
	Pos       string

	Distribution string   // its ARN
	Destination  string   // ARN of a bucket, of a log group, or of a Firehose stream
	Prefix       string   // in the bucket, without a slash at its end; empty: AWS's
	Format       string   // json, plain, w3c, raw, parquet
	Fields       []string // in their order; none: those of version 1
	Delimiter    string   // empty: a tab
	// Suffix is what keys have behind the prefix, with variables in braces; Hive
	// says that it names them (year=2026).
	Suffix string
	Hive   bool
}

// LogFields are the fields of a standard log: the 33 of version 1, in their
// order, then those that only version 2 has.
func LogFields() []string {
	return []string{
		"date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status", "cs(Referer)",
		"cs(User-Agent)", "cs-uri-query", "cs(Cookie)", "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol",
		"cs-bytes", "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type", "cs-protocol-version",
		"fle-status", "fle-encrypted-fields", "c-port", "time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type",
		"sc-content-len", "sc-range-start", "sc-range-end",
		"timestamp", "timestamp(ms)", "DistributionId", "cache-behavior-path-pattern", "origin-fbl", "origin-lbl", "c-country", "asn",
		"distribution-tenant-id", "connection-id",
	}
}

// RealtimeFields are the fields of a real-time log, in the order in which records
// have them, whatever order a configuration names them in.
func RealtimeFields() []string {
	return []string{
		"timestamp", "c-ip", "s-ip", "time-to-first-byte", "sc-status", "sc-bytes", "cs-method", "cs-protocol", "cs-host", "cs-uri-stem",
		"cs-bytes", "x-edge-location", "x-edge-request-id", "x-host-header", "time-taken", "cs-protocol-version", "c-ip-version",
		"cs-user-agent", "cs-referer", "cs-cookie", "cs-uri-query", "x-edge-response-result-type", "x-forwarded-for", "ssl-protocol",
		"ssl-cipher", "x-edge-result-type", "fle-encrypted-fields", "fle-status", "sc-content-type", "sc-content-len", "sc-range-start",
		"sc-range-end", "c-port", "x-edge-detailed-result-type", "c-country", "cs-accept-encoding", "cs-accept",
		"cache-behavior-path-pattern", "cs-headers", "cs-header-names", "cs-headers-count", "primary-distribution-id",
		"primary-distribution-dns-name", "origin-fbl", "origin-lbl", "asn",
		"cmcd-encoded-bitrate", "cmcd-buffer-length", "cmcd-buffer-starvation", "cmcd-content-id", "cmcd-object-duration", "cmcd-deadline",
		"cmcd-measured-throughput", "cmcd-next-object-request", "cmcd-next-range-request", "cmcd-object-type", "cmcd-playback-rate",
		"cmcd-requested-maximum-throughput", "cmcd-streaming-format", "cmcd-session-id", "cmcd-stream-type", "cmcd-startup",
		"cmcd-top-bitrate", "cmcd-version", "r-host", "sr-reason", "x-edge-mqcs", "distribution-tenant-id", "connection-id",
	}
}
