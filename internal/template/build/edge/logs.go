// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// standardLog reads Logging: the standard log, version 1 (row E10).
func (b *builder) standardLog(r *base.Resource, v base.Value) *model.Logging {
	bucket := v.Get("Bucket")
	if bucket.Text() == "" {
		return nil
	}
	if !slices.ContainsFunc(b.Stack.Buckets, func(n *model.Bucket) bool { return n.Serves(bucket.Text()) }) {
		b.elsewhere(r, bucket)
	}
	return &model.Logging{Bucket: bucket.Text(), Prefix: v.Get("Prefix").Text(), IncludeCookies: v.Get("IncludeCookies").Bool()}
}

func (b *builder) elsewhere(r *base.Resource, at base.Value) {
	r.Note(at, fidelity.Approximated, "the bucket is not of this stack: unless another stack of the node has it, the files stay on this machine")
}

// realtimeLog reads a real-time log configuration (row E13).
func (b *builder) realtimeLog(r *base.Resource) *model.RealtimeLog {
	rate := r.Props.Get("SamplingRate")
	l := &model.RealtimeLog{
		LogicalID: r.ID, Name: r.Props.Get("Name").Text(), ARN: r.Ref, Pos: r.Where(), Sampling: rate.Int(0),
		Fields: known(r, r.Props.Get("Fields"), model.RealtimeFields()),
	}
	if rate.Exists() && (l.Sampling < 1 || l.Sampling > 100) {
		rate.Fail("give a whole number from 1 to 100", "a sampling rate of %d percent is none", l.Sampling)
	}
	ends := r.Props.Get("EndPoints").List()
	if len(ends) > 1 {
		ends[1].Fail("keep one", "a real-time log configuration has one endpoint, not %d", len(ends))
	}
	for _, e := range ends {
		l.Streams = append(l.Streams, e.Get("KinesisStreamConfig", "StreamArn").Text())
	}
	return l
}

// known takes the fields that there are. One that is not known is left out, and
// told: it may be newer than the list.
func known(r *base.Resource, list base.Value, all []string) []string {
	var out []string
	for _, v := range list.List() {
		name := v.Text()
		switch {
		case !slices.ContainsFunc(all, func(n string) bool { return strings.EqualFold(n, name) }):
			words := "a field of this name is not known here, and left out"
			if near := base.Nearest(name, all, ""); near != "" {
				words += "; " + near
			}
			r.Note(v, fidelity.Unsupported, words)
		case slices.Contains(out, name):
			v.Fail("name it once", "the field %s comes twice", name)
		default:
			out = append(out, name)
		}
	}
	if list.Exists() && len(out) == 0 && len(list.List()) > 0 {
		list.Fail("choose among "+strings.Join(all, ", "), "none of the fields is known")
	}
	return out
}

// deliveries joins deliveries with their sources and destinations (row E12),
// those of earlier stacks among them.
func (b *builder) deliveries() {
	for _, r := range b.Of("AWS::Logs::DeliverySource") {
		b.Shared.LogSources[r.Props.Get("Name").Text()] = r
	}
	for _, r := range b.Of("AWS::Logs::DeliveryDestination") {
		b.Shared.LogDestinations[r.Att("Arn")] = r
	}
	for _, r := range b.Of("AWS::Logs::Delivery") {
		if d := b.delivery(r); d != nil {
			b.Stack.LogDeliveries = append(b.Stack.LogDeliveries, d)
		}
	}
}

func (b *builder) delivery(r *base.Resource) *model.LogDelivery {
	name, at := r.Props.Get("DeliverySourceName"), r.Props.Get("DeliveryDestinationArn")
	source, to := b.Shared.LogSources[name.Text()], b.Shared.LogDestinations[at.Text()]
	switch {
	case source == nil:
		r.Note(name, fidelity.Unsupported, "the source is in no template: nothing is delivered")
		return nil
	case to == nil:
		r.Note(at, fidelity.Unsupported, "the destination is in no template: nothing is delivered")
		return nil
	case source.Props.Get("LogType").TextOr("ACCESS_LOGS") != "ACCESS_LOGS", !strings.Contains(source.Props.Get("ResourceArn").Text(), ":distribution/"):
		source.Skip(fidelity.Unsupported, "only access logs of distributions are delivered")
		return nil
	}
	d := &model.LogDelivery{
		LogicalID: r.ID, ID: r.Ref, Pos: r.Where(),
		Distribution: source.Props.Get("ResourceArn").Text(), Format: to.Props.Get("OutputFormat").TextOr("w3c"),
		Fields: known(r, r.Props.Get("RecordFields"), model.LogFields()), Delimiter: r.Props.Get("FieldDelimiter").Text(),
		Suffix: r.Props.Get("S3SuffixPath").Text(), Hive: r.Props.Get("S3EnableHiveCompatiblePath").Bool(),
	}
	if len(d.Delimiter) > 5 {
		r.Props.Get("FieldDelimiter").Fail("use up to 5 characters", "%q is too long to stand between fields", d.Delimiter)
	}
	b.destination(r, to, d)
	return d
}

// destination reads where a delivery goes.
func (b *builder) destination(r, to *base.Resource, d *model.LogDelivery) {
	at := to.Props.Get("DestinationResourceArn")
	d.Destination = strings.TrimSuffix(at.Text(), ":*")
	bucket, ok := strings.CutPrefix(d.Destination, "arn:aws:s3:::")
	switch {
	case ok:
		bucket, d.Prefix, _ = strings.Cut(bucket, "/")
		d.Destination, d.Prefix = "arn:aws:s3:::"+bucket, strings.Trim(d.Prefix, "/")
		if b.Stack.Bucket(bucket) == nil {
			b.elsewhere(to, at)
		}
		unknownVariable(r, r.Props.Get("S3SuffixPath"))
	case d.Format == "parquet":
		to.Note(to.Props.Get("OutputFormat"), fidelity.Unsupported, "Parquet is for buckets: the lines go to a file of the node, as JSON")
	case strings.Contains(d.Destination, ":log-group:"), strings.Contains(d.Destination, ":deliverystream/"):
		to.Note(at, fidelity.Approximated, "the lines go to a file of the node, in access below --data")
	default:
		to.Note(at, fidelity.Unsupported, "this is no bucket, log group or Firehose stream: the lines go to a file of the node")
	}
}

// suffixVariables are what a suffix path of a distribution's logs may have, in
// small letters.
func suffixVariables() []string {
	return []string{"distributionid", "accountid", "account-id", "yyyy", "mm", "dd", "hh"}
}

// unknownVariable tells of a variable that is not one of them.
func unknownVariable(r *base.Resource, v base.Value) {
	for _, part := range strings.Split(v.Text(), "{")[1:] {
		if name, _, closed := strings.Cut(part, "}"); !closed || !slices.Contains(suffixVariables(), strings.ToLower(name)) {
			r.Note(v, fidelity.Approximated, "{"+name+"} is no variable that is known here, and stays as it is")
			return
		}
	}
}
