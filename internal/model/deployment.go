// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// ContinuousDeployment is an AWS::CloudFront::ContinuousDeploymentPolicy as the
// primary distribution that names it has it: which of its requests the staging
// distribution answers. It is one of two kinds: by a header when Header is not
// empty, else by weight.
type ContinuousDeployment struct {
	ID      string
	Enabled bool
	Staging string // id of the staging distribution

	Header, Value string

	Weight float64 // 0 to 1
	// Idle and Max bound a viewer's session; 0: each request is chosen anew.
	Idle, Max time.Duration
}
