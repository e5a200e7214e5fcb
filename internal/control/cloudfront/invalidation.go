// SPDX-License-Identifier: Apache-2.0

package cloudfront

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/invalidation"
)

const space = "http://cloudfront.amazonaws.com/doc/2020-05-31/"

// stamp is how CloudFront writes times.
const stamp = "2006-01-02T15:04:05.000Z"

func stampOf(t time.Time) string { return t.UTC().Format(stamp) }

// batch is an InvalidationBatch.
type batch struct {
	Paths           paths  `xml:"Paths"`
	CallerReference string `xml:"CallerReference"`
}

type paths struct {
	Quantity int      `xml:"Quantity"`
	Items    []string `xml:"Items>Path"`
}

type invalidationAnswer struct {
	XMLName    xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ Invalidation"`
	ID         string   `xml:"Id"`
	Status     string   `xml:"Status"`
	CreateTime string   `xml:"CreateTime"`
	Batch      batch    `xml:"InvalidationBatch"`
}

func answerOf(v invalidation.Invalidation) invalidationAnswer {
	return invalidationAnswer{
		ID: v.ID, Status: v.Status.String(), CreateTime: stampOf(v.Created),
		Batch: batch{paths{len(v.Paths), v.Paths}, v.CallerReference},
	}
}

func (a *api) invalidate(w http.ResponseWriter, r *http.Request) error {
	d, err := a.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	var in batch
	if err := xml.NewDecoder(r.Body).Decode(&in); err != nil {
		return fault(http.StatusBadRequest, "MalformedXML", "The XML document is not an InvalidationBatch: %v", err)
	}
	switch {
	case in.CallerReference == "":
		return fault(http.StatusBadRequest, "InvalidArgument", "The parameter CallerReference is required.")
	case in.Paths.Quantity != len(in.Paths.Items):
		return fault(http.StatusBadRequest, "InconsistentQuantities", "The value of Quantity and the size of Items don't match: %d and %d.", in.Paths.Quantity, len(in.Paths.Items))
	}
	v, err := a.node.Invalidations().Create(r.Context(), invalidation.Request{
		Distribution: d.ID, CallerReference: in.CallerReference, Paths: in.Paths.Items, Quotas: true,
	})
	if err != nil {
		return refusal(err)
	}
	w.Header().Set("Location", "http://"+r.Host+Prefix+"distribution/"+d.ID+"/invalidation/"+v.ID)
	write(w, http.StatusCreated, answerOf(v))
	return nil
}

// refusal is an error of the book in CloudFront's words.
func refusal(err error) error {
	var e *invalidation.Error
	if !errors.As(err, &e) {
		return err
	}
	status := http.StatusBadRequest
	switch e.Reason {
	case invalidation.NotFound:
		status = http.StatusNotFound
	case invalidation.ReferenceTaken:
		status = http.StatusConflict
	case invalidation.InvalidPath, invalidation.TooMany:
	}
	return fault(status, e.Reason.String(), "%s", e.Msg)
}

func (a *api) invalidation(w http.ResponseWriter, r *http.Request) error {
	d, err := a.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	v, err := a.node.Invalidations().Get(d.ID, r.PathValue("batch"))
	if err != nil {
		return refusal(err)
	}
	write(w, http.StatusOK, answerOf(v))
	return nil
}

// paging is what lists begin with.
type paging struct {
	Marker      string `xml:"Marker"`
	NextMarker  string `xml:"NextMarker,omitempty"`
	MaxItems    int    `xml:"MaxItems"`
	IsTruncated bool   `xml:"IsTruncated"`
	Quantity    int    `xml:"Quantity"`
}

const mostItems = 100

func pagingOf(r *http.Request, more bool, n int) paging {
	return paging{Marker: r.URL.Query().Get("Marker"), MaxItems: maxItems(r), IsTruncated: more, Quantity: n}
}

func maxItems(r *http.Request) int {
	if n, err := strconv.Atoi(r.URL.Query().Get("MaxItems")); err == nil && n > 0 {
		return min(n, mostItems)
	}
	return mostItems
}

// page is the part of a list of n that is asked for: what comes after the item
// that Marker names.
func page(r *http.Request, n int, id func(int) string) (from, to int, err error) {
	if marker := r.URL.Query().Get("Marker"); marker != "" {
		for from < n && id(from) != marker {
			from++
		}
		if from == n {
			return 0, 0, fault(http.StatusBadRequest, "InvalidArgument", "The marker %q is not in the list.", marker)
		}
		from++
	}
	return from, min(n, from+maxItems(r)), nil
}

type invalidationList struct {
	XMLName xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ InvalidationList"`
	paging
	Items []invalidationSummary `xml:"Items>InvalidationSummary"`
}

type invalidationSummary struct {
	ID         string `xml:"Id"`
	CreateTime string `xml:"CreateTime"`
	Status     string `xml:"Status"`
}

func (a *api) invalidations(w http.ResponseWriter, r *http.Request) error {
	d, err := a.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	all := a.node.Invalidations().List(d.ID)
	from, to, err := page(r, len(all), func(i int) string { return all[i].ID })
	if err != nil {
		return err
	}
	out := invalidationList{paging: pagingOf(r, to < len(all), to-from)}
	for _, v := range all[from:to] {
		out.Items = append(out.Items, invalidationSummary{v.ID, stampOf(v.Created), v.Status.String()})
	}
	if out.IsTruncated {
		out.NextMarker = all[to-1].ID
	}
	write(w, http.StatusOK, out)
	return nil
}
