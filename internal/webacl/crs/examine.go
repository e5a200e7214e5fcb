// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
	"github.com/corazawaf/coraza/v3/types/variables"

	"github.com/forelane/forelane/internal/httpmsg"
)

// work is the memory of one Screen, used again.
type work struct {
	key      []byte // of the head
	element  []byte
	elements []element
	unknown  []element
	waiting  []waiting
	own      []*flight // of unknown
	hits     []Hit
}

// waiting is an element that another request is examining.
type waiting struct {
	element element
	flight  *flight
}

// examine asks all rules, as far as their answers are not remembered.
func (e *Engine) examine(w *work, rq *httpmsg.Request, body []byte, out *Result) error {
	w.elements, w.unknown, w.waiting = w.elements[:0], w.unknown[:0], w.waiting[:0]
	if err := e.runRest(w, rq, body, out); err != nil {
		return err
	}
	query := rq.Query != ""
	if err := e.settleOwn(w, query, out); err != nil || len(w.waiting) == 0 {
		return err
	}
	w.unknown = w.unknown[:0]
	for i := range w.waiting {
		<-w.waiting[i].flight.over
		if !e.recall(w, &w.waiting[i].element, query, out) {
			w.unknown = append(w.unknown, w.waiting[i].element)
		}
	}
	return e.settle(w, w.unknown, query, out)
}

// settleOwn looks the elements up, and examines those that are new and that
// nobody else examines; the others are left in w.waiting.
func (e *Engine) settleOwn(w *work, query bool, out *Result) error {
	w.own = w.own[:0]
	defer func() {
		for _, fl := range w.own {
			e.toElements.end(fl)
		}
		clear(w.own)
	}()
	for i := range w.elements {
		el := &w.elements[i]
		if e.recall(w, el, query, out) {
			continue
		}
		if e.elements != nil && len(w.element) <= e.elements.most {
			fl, own := e.toElements.begin(w.element)
			if !own {
				w.waiting = append(w.waiting, waiting{*el, fl})
				continue
			}
			w.own = append(w.own, fl)
			if e.recall(w, el, query, out) { // it was just examined
				continue
			}
		}
		w.unknown = append(w.unknown, *el)
	}
	return e.settle(w, w.unknown, query, out)
}

// recall adds what is remembered of an element. It leaves the element's key in
// w.element.
func (e *Engine) recall(w *work, el *element, query bool, out *Result) bool {
	if e.elements == nil {
		return false
	}
	w.element = el.appendKey(w.element[:0])
	hits, ok := e.elements.lookup(w.element)
	for _, h := range hits {
		out.add(h, el.place(query))
	}
	return ok
}

// settle asks the local rules about elements that are new. Where they find
// nothing in all of them together, no one has anything; else each half is asked,
// so that a request with one bad element among n costs about 2 log n runs.
func (e *Engine) settle(w *work, elements []element, query bool, out *Result) error {
	w.hits = w.hits[:0]
	if len(elements) == 0 {
		return nil
	}
	if len(elements) == 1 {
		if _, err := e.runLocal(elements, &w.hits); err != nil {
			return err
		}
		for _, h := range w.hits {
			out.add(h, elements[0].place(query))
		}
	} else if matched, err := e.runLocal(elements, nil); err != nil {
		return err
	} else if matched {
		half := len(elements) / 2
		if err := e.settle(w, elements[:half], query, out); err != nil {
			return err
		}
		return e.settle(w, elements[half:], query, out)
	}
	if e.elements != nil {
		for i := range elements {
			w.element = elements[i].appendKey(w.element[:0])
			e.elements.store(w.element, w.hits)
		}
	}
	return nil
}

// add adds a hit at a place, once.
func (r *Result) add(h Hit, at Place) {
	h.Place = at
	for _, old := range r.Hits {
		if old == h {
			return
		}
	}
	r.Hits = append(r.Hits, h)
}

// runRest lets a transaction read the request and run the rules that join
// components; it leaves the elements in w.
func (e *Engine) runRest(w *work, rq *httpmsg.Request, body []byte, out *Result) (err error) {
	e.runs.Add(1)
	tx := e.rest.NewTransaction()
	defer func() { err = errors.Join(err, tx.Close()) }()
	if err := feed(tx, rq, body); err != nil {
		return err
	}
	state, ok := tx.(plugintypes.TransactionState)
	if !ok {
		return errors.New("crs: Coraza's transaction hides its variables")
	}
	w.elements = elementsOf(w.elements, state.Variables())
	if len(body) > 0 && state.Variables().RequestBodyError().Get() == "1" {
		// It is not what its type says, or was cut off at the limit: what reads
		// it behind us may be less strict, so that rules see it as a whole.
		raw := string(body)
		w.elements = append(w.elements, element{kindPost, "", raw}, element{kindBody, "", raw})
	}
	for _, m := range tx.MatchedRules() {
		id := m.Rule().ID()
		points, ours := e.points[id]
		if !ours {
			continue
		}
		at := InQuery
		if d := m.MatchedDatas(); len(d) > 0 {
			at = placeOf(d[0].Variable())
		}
		out.add(Hit{Rule: id, Points: points}, at)
	}
	return nil
}

// feed shows a request to a transaction.
func feed(tx types.Transaction, rq *httpmsg.Request, body []byte) error {
	tx.ProcessURI(rq.Target(), rq.Method, rq.Proto.String())
	if !rq.Header.Has("Host") && rq.Host != "" {
		tx.AddRequestHeader("Host", rq.Host)
	}
	if rq.ContentLength > 0 && !rq.Header.Has("Content-Length") { // viewer engines take it out of the fields
		tx.AddRequestHeader("Content-Length", strconv.FormatInt(rq.ContentLength, 10))
	}
	for _, f := range rq.Header.Fields() {
		tx.AddRequestHeader(f.Name, f.Value)
	}
	tx.ProcessRequestHeaders()
	if len(body) > 0 {
		if _, _, err := tx.WriteRequestBody(body); err != nil {
			return fmt.Errorf("crs: %w", err)
		}
	}
	if _, err := tx.ProcessRequestBody(); err != nil {
		return fmt.Errorf("crs: %w", err)
	}
	return nil
}

// runLocal shows elements to the local rules. With one element, hits takes what
// matched; with several, only whether something did is known.
func (e *Engine) runLocal(elements []element, hits *[]Hit) (matched bool, err error) {
	e.runs.Add(1)
	tx := e.local.NewTransaction()
	defer func() { err = errors.Join(err, tx.Close()) }()
	v := tx.(plugintypes.TransactionState).Variables()
	i := 0
	for ; i < len(elements) && elements[i].kind < laterKinds; i++ {
		elements[i].put(v)
	}
	tx.ProcessRequestHeaders()
	for ; i < len(elements); i++ {
		elements[i].put(v)
	}
	if _, err := tx.ProcessRequestBody(); err != nil {
		return false, fmt.Errorf("crs: %w", err)
	}
	for _, m := range tx.MatchedRules() {
		id := m.Rule().ID()
		points, ours := e.points[id]
		if !ours || !e.about(m, elements) {
			continue
		}
		matched = true
		if hits != nil {
			*hits = append(*hits, Hit{Rule: id, Points: points})
		}
	}
	return matched, nil
}

// about tells whether a rule matched one of the elements, and not a variable
// that is empty because its element is none of them.
func (e *Engine) about(m types.MatchedRule, elements []element) bool {
	for _, d := range m.MatchedDatas() {
		switch k, is := singleOf(d.Variable()); {
		case is && slices.ContainsFunc(elements, func(el element) bool { return el.kind == k }):
			return true
		case is || d.Variable() == variables.TX || d.Variable() == variables.Unknown:
		default:
			return true
		}
	}
	return false
}
