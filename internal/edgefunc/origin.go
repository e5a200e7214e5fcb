// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"time"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/model"
)

// OriginAction is what a function asked of the origin.
type OriginAction uint8

// The actions.
const (
	OriginUpdate OriginAction = iota // Override changes the behavior's own origin
	OriginSelect                     // Select[0] is the origin, with its Override
	OriginGroup                      // Select has primary and secondary, StatusCodes when to fail over
)

// String is a word for records.
func (a OriginAction) String() string { return [...]string{"update", "select", "group", "?"}[a&3] }

// Origin is an origin that a function chose (CloudFront Developer Guide,
// "Helper methods for origin modification"). The last call of a run counts.
type Origin struct {
	Action       OriginAction
	Override     Override
	Select       []OriginChoice
	StatusCodes  []int
	MediaQuality bool // selectionCriteria media-quality-score
}

// OriginChoice is an origin of the distribution, by its id.
type OriginChoice struct {
	ID       string
	Override Override
}

// Override is what changes of an origin. Nil and zero fields stay as the
// origin has them. A host header, an SNI and certificate names are for origins
// that are no buckets; whether they fit is for who applies it to say.
type Override struct {
	DomainName   string
	HostHeader   string
	Path         *string
	Headers      *[]model.HeaderField // replaces the custom headers; empty: none
	Attempts     int
	ReadTimeout  time.Duration
	KeepAlive    time.Duration
	Connect      time.Duration
	Completion   time.Duration
	Port         int
	Protocol     string // http, https
	TLSVersions  []string
	SNI          string
	Certificates []string
	Network      string  // ipv4, ipv6, dualstack; with DomainName only
	ShieldRegion *string // empty: no shield
	Access       *model.OriginAccess
	AccessOff    bool
	MutualOff    bool // no certificate is shown (mTLSConfig)
}

// Empty tells whether it changes nothing.
func (o *Override) Empty() bool {
	return o.DomainName == "" && o.HostHeader == "" && o.Path == nil && o.Headers == nil && o.Attempts == 0 &&
		o.ReadTimeout == 0 && o.KeepAlive == 0 && o.Connect == 0 && o.Completion == 0 && o.Port == 0 &&
		o.SNI == "" && len(o.Certificates) == 0 && o.ShieldRegion == nil && o.Access == nil && !o.AccessOff && !o.MutualOff
}

// setOrigin is the three helper methods.
func (m *machine) setOrigin(call goja.FunctionCall) goja.Value {
	if !m.viewer {
		panic(m.failed("Error", "the origin can only be changed in viewer-request functions"))
	}
	arg, ok := call.Argument(1).(*goja.Object)
	if !ok {
		panic(m.vm.NewTypeError("the argument must be an object"))
	}
	r := originReader{m: m}
	o := &Origin{}
	switch call.Argument(0).String() {
	case "update":
		o.Action, o.Override = OriginUpdate, r.override(arg)
	case "select":
		o.Action = OriginSelect
		o.Select = []OriginChoice{r.choice(arg)}
	case "group":
		o.Action = OriginGroup
		r.group(o, arg)
	}
	m.origin = o
	return goja.Undefined()
}
