// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
)

// Events of the corpus's functions, by the event that a behavior ties them to.
var corpusEvents = map[model.EdgeEvent]string{
	model.ViewerRequest: `{"context": {"eventType": "viewer-request"}, "viewer": {"ip": "198.51.100.11"}, "request": {"method": "GET", "uri": "/docs/",
		"querystring": {"q": {"value": "1"}}, "headers": {"host": {"value": "www.example.com"}, "accept": {"value": "text/html"}}, "cookies": {"c": {"value": "1"}}}}`,
	model.ViewerResponse: `{"context": {"eventType": "viewer-response"}, "viewer": {"ip": "198.51.100.11"}, "request": {"method": "GET", "uri": "/docs/",
		"querystring": {}, "headers": {"host": {"value": "www.example.com"}}, "cookies": {}},
		"response": {"statusCode": 200, "statusDescription": "OK", "headers": {"content-type": {"value": "text/html"}}, "cookies": {}}}`,
}

// TestCorpusRunsFunctions loads every template of the corpus that has CloudFront
// functions, and runs each at the events that its behaviors tie it to.
func TestCorpusRunsFunctions(t *testing.T) {
	corpus := os.Getenv("CORPUS")
	if corpus == "" {
		t.Log("CORPUS names no folder: nothing to run")
		return
	}
	templates, functions, runs, failed := 0, 0, 0, 0
	err := filepath.WalkDir(filepath.Join(corpus, "templates"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte("AWS::CloudFront::Function")) {
			return err
		}
		results, err := template.Load(t.Context(), path, template.Options{StackName: "corpus"})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		templates++
		for _, r := range results {
			n, bad := runFunctions(t, path, r.Stack)
			functions, runs, failed = functions+len(r.Stack.EdgeFunctions), runs+n, failed+bad
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if functions == 0 {
		t.Error("the corpus has no function")
	}
	t.Logf("%d CloudFront functions in %d templates: %d runs, %d failed", functions, templates, runs, failed)
}

func runFunctions(t *testing.T, path string, st *model.Stack) (runs, failed int) {
	set, err := edgefunc.Compile(st.EdgeFunctions, st.KeyValueStores, edgefunc.Options{})
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return 0, len(st.EdgeFunctions)
	}
	for _, m := range st.EdgeFunctions {
		f, _ := set.Function(m.ARN)
		for event := range eventsOf(st, m) {
			runs++
			result, err := f.Test(t.Context(), []byte(corpusEvents[event]))
			if err != nil || result.Error != "" {
				failed++
				t.Errorf("%s: %s at %s: %v %+v", path, m.Name, event, err, result)
			}
		}
	}
	return runs, failed
}

// eventsOf are the events of a function; of one that no behavior has, what its
// code is about.
func eventsOf(st *model.Stack, m *model.EdgeFunction) map[model.EdgeEvent]bool {
	events := map[model.EdgeEvent]bool{}
	for _, d := range st.Distributions {
		for _, b := range d.Behaviors {
			for _, a := range b.Functions {
				if a.ARN == m.ARN {
					events[a.Event] = true
				}
			}
		}
	}
	if len(events) == 0 {
		events[model.ViewerRequest] = true
		if strings.Contains(m.Code, "event.response") {
			events = map[model.EdgeEvent]bool{model.ViewerResponse: true}
		}
	}
	return events
}
