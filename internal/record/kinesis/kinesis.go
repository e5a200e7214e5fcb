// SPDX-License-Identifier: Apache-2.0

// Package kinesis sends lines of a log to a data stream, as CloudFront sends its
// real-time logs: to Amazon Kinesis Data Streams, or to what speaks its API.
//
// The flow: (1) a record.Writer gathers lines and hands them over, on a goroutine
// of its own; (2) Write cuts them into records, a line with its line feed each,
// and into calls of PutRecords, each within the API's limits; (3) a call is
// signed and sent; (4) what a shard did not take is sent again, some times and
// with pauses, and then lost and counted.
//
// What it does not do: it makes no stream and looks at no shards: the partition
// key is random. A record keeps no order with others, as CloudFront's do not.
//
// Concurrency: Write is called by one goroutine; Lost and Close by any.
package kinesis

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/sigv4"
)

// Options are those of New. Endpoint, ARN and Credentials are required.
type Options struct {
	Endpoint    string // URL
	ARN         string // of the stream
	Credentials func() (sigv4.Credentials, error)
	Client      *http.Client // nil: one with a time limit of 10 s a call
	// Pause is that before the first new try; the second one is longer. 0: 250 ms.
	Pause time.Duration
	// Warn takes what an operator should know: that a call failed, and that one
	// goes well again. Nil: dropped.
	Warn func(text string, args ...any)
}

// Limits of PutRecords, and ours within them.
const (
	maxRecords = 500
	maxBytes   = 4 << 20 // of data and keys; the API takes 5 MiB
	tries      = 3
	maxAnswer  = 1 << 20
)

// Stream is a data stream.
type Stream struct {
	o            Options
	name, region string
	client       *http.Client
	ctx          context.Context // ends calls
	cancel       context.CancelFunc
	lost         atomic.Int64
	failing      bool // the last call failed; Write's
}

// New makes a Stream; it asks nobody.
func New(o Options) (*Stream, error) {
	part := strings.SplitN(o.ARN, ":", 6)
	if len(part) != 6 || part[2] != "kinesis" || !strings.HasPrefix(part[5], "stream/") || part[5] == "stream/" {
		return nil, fmt.Errorf("kinesis: %q is no ARN of a data stream", o.ARN)
	}
	if u, err := url.Parse(o.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("kinesis: %q is no URL of an endpoint", o.Endpoint)
	}
	s := &Stream{o: o, name: strings.TrimPrefix(part[5], "stream/"), region: part[3], client: o.Client}
	if s.client == nil {
		s.client = &http.Client{Timeout: 10 * time.Second, Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	if s.o.Pause <= 0 {
		s.o.Pause = 250 * time.Millisecond
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Lost is how many lines did not reach the stream.
func (s *Stream) Lost() int64 { return s.lost.Load() }

// Close ends calls under way; what they carry is lost. It comes after that of
// the Writer, or when that takes too long.
func (s *Stream) Close() error {
	s.cancel()
	s.client.CloseIdleConnections()
	return nil
}

// Write sends whole lines. It fails never: what is lost is counted here.
func (s *Stream) Write(p []byte) (int, error) {
	var batch [][]byte
	size := 0
	for line := range bytes.Lines(p) {
		if len(batch) == maxRecords || size+len(line) > maxBytes {
			s.send(batch)
			batch, size = batch[:0], 0
		}
		batch, size = append(batch, line), size+len(line)+keyLength
	}
	s.send(batch)
	return len(p), nil
}

// entry and answer are the API's JSON.
type entry struct {
	Data         string
	PartitionKey string
}

type answer struct {
	FailedRecordCount int
	Records           []struct{ ErrorCode string }
}

const keyLength = 16

// send sends one batch, and again what is not taken.
func (s *Stream) send(batch [][]byte) {
	var err error
	for try := range tries {
		if len(batch) == 0 {
			s.told(nil)
			return
		}
		if try > 0 && !s.pause(s.o.Pause<<(2*(try-1))) {
			break
		}
		var left [][]byte
		if left, err = s.put(batch); err == nil {
			batch = left
			err = errThrottled
		}
	}
	if len(batch) > 0 {
		s.lost.Add(int64(len(batch)))
		s.told(err)
		return
	}
	s.told(nil)
}

var errThrottled = errors.New("the stream does not take all records")

// told tells of the first failure, and of the end of it.
func (s *Stream) told(err error) {
	if failing := err != nil; failing != s.failing && s.o.Warn != nil {
		if failing {
			s.o.Warn("records of a real-time log are lost", "stream", s.o.ARN, "error", err)
		} else {
			s.o.Warn("records of a real-time log arrive again", "stream", s.o.ARN, "lost", s.Lost())
		}
	}
	s.failing = err != nil
}

func (s *Stream) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// put calls PutRecords. left are those that were not taken.
func (s *Stream) put(batch [][]byte) (left [][]byte, err error) {
	in := struct {
		StreamName string
		Records    []entry
	}{s.name, make([]entry, len(batch))}
	for i, line := range batch {
		in.Records[i] = entry{base64.StdEncoding.EncodeToString(line), fmt.Sprintf("%0*x", keyLength, rand.Uint64())}
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	text, err := s.call(body)
	if err != nil {
		return nil, err
	}
	var out answer
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("PutRecords: %w", err)
	}
	if out.FailedRecordCount == 0 {
		return nil, nil
	}
	if len(out.Records) != len(batch) {
		return nil, fmt.Errorf("PutRecords: an answer about %d of %d records", len(out.Records), len(batch))
	}
	for i, r := range out.Records {
		if r.ErrorCode != "" {
			left = append(left, batch[i])
		}
	}
	return left, nil
}

// call sends one signed request.
func (s *Stream) call(body []byte) ([]byte, error) {
	rq, err := http.NewRequestWithContext(s.ctx, http.MethodPost, strings.TrimSuffix(s.o.Endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	c, err := s.o.Credentials()
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	sign(rq, body, &c, s.region)
	rs, err := s.client.Do(rq)
	if err != nil {
		return nil, err
	}
	defer rs.Body.Close()
	text, err := io.ReadAll(io.LimitReader(rs.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if rs.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("PutRecords: %s %.200s", strconv.Itoa(rs.StatusCode), text)
	}
	return text, nil
}

func sign(rq *http.Request, body []byte, c *sigv4.Credentials, region string) {
	rq.Header.Set("Content-Type", "application/x-amz-json-1.1")
	rq.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
	sigv4.SignHTTP(rq, body, c, sigv4.Scope{Region: region, Service: "kinesis"}, time.Now())
}
