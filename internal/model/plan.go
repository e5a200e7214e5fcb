// SPDX-License-Identifier: Apache-2.0

package model

// Throttle is a limit on requests as a template says it.
type Throttle struct {
	Rate  *float64 // requests a second; nil: not said
	Burst *int     // nil: not said
}

// Set tells whether it says anything.
func (t Throttle) Set() bool { return t.Rate != nil || t.Burst != nil }

// Or is the limit with what it does not say taken from another one.
func (t Throttle) Or(other Throttle) Throttle {
	if t.Rate == nil {
		t.Rate = other.Rate
	}
	if t.Burst == nil {
		t.Burst = other.Burst
	}
	return t
}

// APIKey is an AWS::ApiGateway::ApiKey.
type APIKey struct {
	LogicalID string
	ID        string // 10 lower-case letters and digits
	Name      string // empty: none
	Pos       string

	Enabled bool // AWS makes keys disabled when the template does not say
	// Value is what callers send. Empty: the node makes one up. It is a secret.
	Value string
}

// UsagePlan is an AWS::ApiGateway::UsagePlan with its keys.
type UsagePlan struct {
	LogicalID string
	ID        string // 6 lower-case letters and digits
	Name      string // empty: none
	Pos       string

	Stages   []PlanStage
	Throttle Throttle // of each key, in all stages together
	Quota    *Quota   // of each key, in all stages together; nil: none
	Keys     []string // ids of API keys
}

// PlanStage is a stage that a usage plan opens.
type PlanStage struct {
	API   string // id
	Stage string
	// Routes are the limits of each key at single methods, by route key
	// ("GET /pets").
	Routes map[string]Throttle
}

// Quota is a number of requests in a period.
type Quota struct {
	Limit  int64
	Period string // DAY, WEEK, MONTH
	Offset int    // the day a WEEK (0: Sunday) or MONTH (0: the first) begins with
}
