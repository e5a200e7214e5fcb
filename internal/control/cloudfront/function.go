// SPDX-License-Identifier: Apache-2.0

package cloudfront

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/model"
)

// A function here has one version, that of its template: it stands in both
// stages, DEVELOPMENT and LIVE.

// Function is a CloudFront function that runs, since when it is as it is.
type Function struct {
	*model.EdgeFunction
	Since time.Time
	Run   *edgefunc.Function
}

type functionConfig struct {
	Comment string             `xml:"Comment"`
	Runtime string             `xml:"Runtime"`
	Stores  *list[association] `xml:"KeyValueStoreAssociations,omitempty"`
}

type association struct {
	ARN string `xml:"KeyValueStoreARN"`
}

type functionMetadata struct {
	ARN          string `xml:"FunctionARN"`
	Stage        string `xml:"Stage"`
	Created      string `xml:"CreatedTime"`
	LastModified string `xml:"LastModifiedTime"`
}

type functionSummary struct {
	XMLName  xml.Name         `xml:"FunctionSummary"`
	Space    string           `xml:"xmlns,attr,omitempty"`
	Name     string           `xml:"Name"`
	Status   string           `xml:"Status"`
	Config   functionConfig   `xml:"FunctionConfig"`
	Metadata functionMetadata `xml:"FunctionMetadata"`
}

type functionList struct {
	XMLName    xml.Name          `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ FunctionList"`
	NextMarker string            `xml:"NextMarker,omitempty"`
	MaxItems   int               `xml:"MaxItems"`
	Quantity   int               `xml:"Quantity"`
	Items      []functionSummary `xml:"Items>FunctionSummary"`
}

type testRequest struct {
	Stage string `xml:"Stage"`
	Event string `xml:"EventObject"` // base64
}

type testResult struct {
	XMLName     xml.Name        `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ TestResult"`
	Summary     functionSummary `xml:"FunctionSummary"`
	Utilization string          `xml:"ComputeUtilization"`
	Log         logLines        `xml:"FunctionExecutionLogs"`
	Error       string          `xml:"FunctionErrorMessage"`
	Output      string          `xml:"FunctionOutput"`
}

// logLines is there when it is empty, too.
type logLines struct {
	List []string `xml:"member"`
}

// function finds the function that the path names, by its logical id too, and
// the stage that is asked for.
func (a *api) function(r *http.Request, stage string) (Function, string, error) {
	switch stage {
	case "":
		stage = "DEVELOPMENT"
	case "DEVELOPMENT", "LIVE":
	default:
		return Function{}, "", fault(http.StatusBadRequest, "InvalidArgument", "The stage %q is not DEVELOPMENT or LIVE.", stage)
	}
	name := r.PathValue("name")
	for _, f := range a.node.Functions() {
		if f.Name == name || f.LogicalID == name {
			return f, stage, nil
		}
	}
	return Function{}, "", fault(http.StatusNotFound, "NoSuchFunctionExists", "The specified function does not exist: %s", name)
}

// summary is what is told of a function.
func (a *api) summary(f Function, stage string) functionSummary {
	s := functionSummary{
		Name: f.Name, Status: "UNASSOCIATED",
		Config:   functionConfig{Comment: f.Comment, Runtime: or(f.Runtime, "cloudfront-js-1.0")},
		Metadata: functionMetadata{ARN: f.ARN, Stage: stage, Created: stampOf(f.Since), LastModified: stampOf(f.Since)},
	}
	if len(f.Stores) > 0 {
		s.Config.Stores = &list[association]{}
		for _, arn := range f.Stores {
			s.Config.Stores.add("KeyValueStoreAssociation", association{arn})
		}
	}
	for _, d := range a.node.Distributions() {
		for _, b := range d.Behaviors {
			for _, x := range b.Functions {
				if x.ARN == f.ARN {
					s.Status = "DEPLOYED"
				}
			}
		}
	}
	return s
}

// versionOf is the ETag of a function: of its code and configuration.
func versionOf(f Function) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{f.Comment, f.Runtime, f.Code}, f.Stores...), "\x00")))
	return "E" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:8])
}

func (a *api) functions(w http.ResponseWriter, r *http.Request) error {
	type entry struct {
		f     Function
		stage string
	}
	stages := []string{"DEVELOPMENT", "LIVE"}
	if s := r.URL.Query().Get("Stage"); slices.Contains(stages, s) {
		stages = []string{s}
	} else if s != "" {
		return fault(http.StatusBadRequest, "InvalidArgument", "The stage %q is not DEVELOPMENT or LIVE.", s)
	}
	var all []entry
	for _, f := range a.node.Functions() {
		for _, stage := range stages {
			all = append(all, entry{f, stage})
		}
	}
	id := func(i int) string { return all[i].f.Name + "/" + all[i].stage }
	from, to, err := page(r, len(all), id)
	if err != nil {
		return err
	}
	out := functionList{MaxItems: maxItems(r), Quantity: to - from}
	for _, e := range all[from:to] {
		out.Items = append(out.Items, a.summary(e.f, e.stage))
	}
	if to < len(all) {
		out.NextMarker = id(to - 1)
	}
	write(w, http.StatusOK, out)
	return nil
}

func (a *api) describeFunction(w http.ResponseWriter, r *http.Request) error {
	f, stage, err := a.function(r, r.URL.Query().Get("Stage"))
	if err != nil {
		return err
	}
	s := a.summary(f, stage)
	s.Space = space
	w.Header().Set("ETag", versionOf(f))
	write(w, http.StatusOK, s)
	return nil
}

func (a *api) functionCode(w http.ResponseWriter, r *http.Request) error {
	f, _, err := a.function(r, r.URL.Query().Get("Stage"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", versionOf(f))
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = io.WriteString(w, f.Code) // the caller is gone if this fails
	return nil
}

// testFunction runs a function on an event that the caller wrote.
func (a *api) testFunction(w http.ResponseWriter, r *http.Request) error {
	var in testRequest
	if err := xml.NewDecoder(r.Body).Decode(&in); err != nil {
		return fault(http.StatusBadRequest, "MalformedXML", "The XML document is not a TestFunctionRequest: %v", err)
	}
	f, stage, err := a.function(r, in.Stage)
	if err != nil {
		return err
	}
	if v := strings.Trim(r.Header.Get("If-Match"), `"`); v != versionOf(f) {
		return fault(http.StatusBadRequest, "InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource; it is %s.", versionOf(f))
	}
	event, err := base64.StdEncoding.DecodeString(strings.TrimSpace(in.Event))
	if err != nil {
		return fault(http.StatusBadRequest, "InvalidArgument", "The parameter EventObject is not base64: %v", err)
	}
	t, err := f.Run.Test(r.Context(), event)
	if err != nil {
		return fault(http.StatusBadRequest, "InvalidArgument", "The parameter EventObject cannot be used: %v", err)
	}
	write(w, http.StatusOK, testResult{
		Summary: a.summary(f, stage), Utilization: strconv.Itoa(t.Utilization), Log: logLines{t.Log}, Error: t.Error, Output: string(t.Output),
	})
	return nil
}
