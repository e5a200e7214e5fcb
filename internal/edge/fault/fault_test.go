// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/record"
)

func TestE11Classify(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		status int
		detail record.Detail
		silent bool
	}{
		{"no such host", &net.OpError{Op: "dial", Err: &net.DNSError{Name: "x"}}, 502, record.OriginDNSError, false},
		{"refused", &net.OpError{Op: "dial", Err: errors.New("refused")}, 502, record.OriginConnectError, false},
		{"nobody at the address", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, 504, record.OriginConnectError, false},
		{"silence", fmt.Errorf("reading: %w", context.DeadlineExceeded), 504, record.OriginCommError, true},
		{"not sent", &net.OpError{Op: "write", Err: errors.New("reset")}, 502, record.OriginWriteError, false},
		{"too long as a whole", origin.ErrCompletion, 504, record.OriginCommError, false},
		{"a certificate", errors.New("x509: expired"), 502, record.OriginConnectError, false},
		{"a head too big", HeadTooBig(7), 502, record.OriginHeaderTooBigError, false},
		{"a head too big, of the network", &origin.Fault{Why: origin.FaultHead}, 502, record.OriginHeaderTooBigError, false},
		{"a wrong range", fmt.Errorf("so: %w", ErrRangeLength), 502, record.OriginContentRangeLengthError, false},
		{"a 101 that nobody wanted", ErrSwitch, 502, record.OriginInvalidResponseError, false},
		{"broken off", io.ErrUnexpectedEOF, 502, record.OriginReadError, false},
		{"anything", errors.New("anything"), 502, record.OriginCommError, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, detail := Classify(tt.err)
			if status != tt.status || detail != tt.detail || Silent(tt.err) != tt.silent {
				t.Errorf("%d %v, silent %v", status, detail, Silent(tt.err))
			}
		})
	}
}
