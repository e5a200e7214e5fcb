// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// What the origin has. The validators let a cache answer If-None-Match.
const (
	pathSmall = "/1k"
	pathLarge = "/64k"
	pathMiss  = "/miss" // no-store
	pathCold  = "/cold" // after coldDelay
	pathZipf  = "/zipf/1"
	entityTag = `"forelane-bench"`
	coldDelay = 50 * time.Millisecond
)

// origin answers GET as cheaply as Go can, so that it does not limit the miss
// path: one goroutine a connection, no map, no allocation an answer.
type origin struct {
	l     net.Listener
	calls atomic.Int64
}

func newOrigin() (*origin, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &origin{l: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go o.serve(c)
		}
	}()
	return o, nil
}

func (o *origin) close() { _ = o.l.Close() }

func (o *origin) port() string {
	_, port, _ := net.SplitHostPort(o.l.Addr().String()) // a listener's address
	return port
}

// originHead are the fields after Date.
func originHead(cacheControl string, size int) string {
	return "Content-Type: application/octet-stream\r\nLast-Modified: Sat, 01 Nov 2025 12:00:00 GMT\r\nETag: " + entityTag +
		"\r\nCache-Control: " + cacheControl + "\r\nContent-Length: " + strconv.Itoa(size) + "\r\n\r\n"
}

func (o *origin) serve(c net.Conn) {
	defer c.Close()
	small, large := bytes.Repeat([]byte("s"), 1024), bytes.Repeat([]byte("l"), 64<<10)
	keepSmall, keepLarge, never := originHead("max-age=86400", 1024), originHead("max-age=86400", 64<<10), originHead("no-store", 1024)
	r := bufio.NewReader(c)
	var out []byte
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		length := 0
		for {
			field, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if field = bytes.TrimRight(field, "\r\n"); len(field) == 0 {
				break
			}
			if name, value, _ := bytes.Cut(field, []byte(":")); len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")) {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(value))) // the servers checked it
			}
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		o.calls.Add(1)
		_, path, _ := strings.Cut(line, " ")
		head, body := keepSmall, small
		switch {
		case strings.HasPrefix(path, pathLarge):
			head, body = keepLarge, large
		case strings.HasPrefix(path, pathMiss):
			head = never
		case strings.HasPrefix(path, pathCold):
			time.Sleep(coldDelay)
		}
		out = append(out[:0], "HTTP/1.1 200 OK\r\nDate: "...)
		out = time.Now().UTC().AppendFormat(out, "Mon, 02 Jan 2006 15:04:05 GMT")
		out = append(append(append(out, "\r\n"...), head...), body...)
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}
