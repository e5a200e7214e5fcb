// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/bucket/store"
	"github.com/forelane/forelane/internal/model"
)

// Where a log file goes that is whole: the key of its object is
//
//	web/E1EXAMPLE.2026-11-27-19.d111111a.gz                      Logging, with its Prefix
//	AWSLogs/123456789012/CloudFront/E1EXAMPLE.2026-….gz           a delivery
//	edge/DistributionId=E1EXAMPLE/year=2026/E1EXAMPLE.2026-….gz   with prefix, suffix path, Hive
//
// and .parquet in place of .gz for Parquet
// (Developer Guide, "Configure standard logging (v2)", "Send logs to Amazon S3".)

// bucketOf is the name of the bucket that a domain name stands for, and whether
// a stack has it.
func bucketOf(domain string, all []*model.Stack) (name string, in bool) {
	for _, st := range all {
		for _, b := range st.Buckets {
			if b.Serves(domain) {
				return b.Name, true
			}
		}
	}
	name, _, _ = strings.Cut(domain, ".s3")
	return name, false
}

// deliveredKey is what the key of a file begins with: the destination's prefix,
// or AWS's own, and the suffix path with its variables.
func deliveredKey(m *model.LogDelivery, distribution, account string, hour time.Time) string {
	prefix := m.Prefix
	switch {
	case prefix == "" && m.Hive:
		prefix = "AWSLogs/aws-account-id=" + account + "/CloudFront"
	case prefix == "":
		prefix = "AWSLogs/" + account + "/CloudFront"
	}
	var suffix strings.Builder
	for i, part := range strings.Split(m.Suffix, "{") {
		name, rest, closed := strings.Cut(part, "}")
		value, column := variable(name, distribution, account, hour)
		switch {
		case i == 0:
			suffix.WriteString(part)
		case !closed || value == "":
			suffix.WriteString("{" + part)
		case m.Hive:
			suffix.WriteString(column + "=" + value + rest)
		default:
			suffix.WriteString(value + rest)
		}
	}
	key := prefix + "/"
	if s := strings.Trim(suffix.String(), "/"); s != "" {
		key += s + "/"
	}
	return key
}

// variable is the value of a variable of a suffix path, and how Hive calls it.
func variable(name, distribution, account string, hour time.Time) (value, column string) {
	switch strings.ToLower(name) {
	case "distributionid":
		return distribution, name
	case "accountid", "account-id":
		return account, name
	case "yyyy":
		return hour.Format("2006"), "year"
	case "mm":
		return hour.Format("01"), "month"
	case "dd":
		return hour.Format("02"), "day"
	case "hh":
		return hour.Format("15"), "hour"
	}
	return "", ""
}

// put makes a file an object.
func (l *Edge) put(bucket, file, key string) error {
	err := putObject(l.written(bucket), file, key)
	if err != nil {
		l.log.Warn("a log file does not come into its bucket and stays where it is", "bucket", bucket, "file", file, "error", err)
	}
	return err
}

func putObject(to *store.Store, file, key string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	d, err := to.Draft(key)
	if err != nil {
		return err
	}
	if _, err := io.Copy(d, in); err != nil {
		return errors.Join(err, d.Discard())
	}
	kind := "application/x-gzip"
	if strings.HasSuffix(key, ".parquet") {
		kind = "application/vnd.apache.parquet"
	}
	return d.Commit(&store.Object{Key: key, Fields: []store.Field{{Name: "Content-Type", Value: kind}}}, nil)
}
