// SPDX-License-Identifier: Apache-2.0

// Command origin is something to put an edge in front of: a greeting in two
// languages that says how long it may be kept, and counts how often it was
// asked for. A POST changes it.
//
//	origin [ADDRESS]     default 127.0.0.1:3000; port 0 picks one
//
// It prints its address, which is what the template's parameter wants.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

type greeting struct {
	mu    sync.Mutex
	name  string
	asked int
}

func (g *greeting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Method == http.MethodPost {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 100))
		if err != nil {
			http.Error(w, "too long a name", http.StatusRequestEntityTooLarge)
			return
		}
		g.name = string(b)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	g.asked++
	hello := "Hello"
	if strings.HasPrefix(r.Header.Get("Accept-Language"), "fr") {
		hello = "Bonjour"
	}
	h := w.Header()
	h.Set("Cache-Control", "max-age=600, stale-while-revalidate=60")
	h.Set("Vary", "Accept-Language")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%s, %s (request %d)\n", hello, g.name, g.asked)
}

func main() {
	addr := "127.0.0.1:3000"
	if len(os.Args) > 1 {
		addr = os.Args[1]
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", ln.Addr())
	log.Fatal(http.Serve(ln, &greeting{name: "world"}))
}
