// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forelane/forelane/internal/explain"
)

// viewerFile is a viewer as --as reads it.
type viewerFile struct {
	Headers map[string]string `json:"headers"`
	Cookies map[string]string `json:"cookies"`
	Address string            `json:"address"`
}

func explainCommand() *cobra.Command {
	var t target
	var in explain.Request
	var headers []string
	var as, other string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain URL | --id REQUEST_ID",
		Short: "say why a request is a hit or a miss, hop by hop",
		Long: `Says what the edge that runs decides about a request, without changing anything:
the distribution, the behavior, what functions change, the cache key part by part,
what the lookup finds, the arithmetic of the lifetime, what the origin is sent, and
what would have made it a hit. Rule ids in brackets are rows of docs/fidelity.md.

  forelane explain http://shop.localhost:8080/api/products?page=2
  forelane explain URL -H 'Accept-Language: de' --fetch
  forelane explain URL --diff URL2        in which parts of their keys two requests differ
  forelane explain --id 'kZ3…=='          what happened to a request of a while ago

--id takes an X-Amz-Cf-Id: of an answer, or of a line of the access log. It prints
what the node recorded of that request (facts), and then what would happen to the
same request now. Nodes keep requests for --recent (up: 10 minutes) as far as their
memory goes; cookies, Authorization and other headers that may be secrets are kept as
digests only.

--as FILE reads a viewer: {"headers": {…}, "cookies": {…}, "address": "192.0.2.1"}.
--fetch asks the origin where the cache has nothing; its answer is not stored.`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (in.ID != "") {
				return wrong(errors.New("say a URL, or --id REQUEST_ID"))
			}
			if in.ID != "" {
				return t.recall(cmd, in.ID, asJSON)
			}
			if err := fillQuestion(&in, headers, as); err != nil {
				return wrong(err)
			}
			var answers []*explain.Explanation
			for _, url := range []string{args[0], other} {
				if url == "" {
					continue
				}
				one := in
				one.URL = whole(url)
				e, err := t.explain(cmd.Context(), &one)
				if err != nil {
					return err
				}
				answers = append(answers, e)
			}
			return printExplanations(cmd.OutOrStdout(), answers, asJSON)
		},
	}
	t.register(cmd)
	f := cmd.Flags()
	f.StringVar(&in.ID, "id", "", "`REQUEST_ID` (X-Amz-Cf-Id) of a request that was, in place of a URL")
	f.StringVarP(&in.Method, "request", "X", "GET", "`METHOD` of the request")
	f.StringArrayVarP(&headers, "header", "H", nil, "`'Name: value'` of the request; may be repeated")
	f.StringVar(&as, "as", "", "`FILE` with the viewer's headers, cookies and address")
	f.BoolVar(&in.Fetch, "fetch", false, "ask the origin where the cache has nothing (GET, HEAD and OPTIONS)")
	f.StringVar(&other, "diff", "", "second `URL`: say in what the cache keys differ")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// recall explains a request that was.
func (t *target) recall(cmd *cobra.Command, id string, asJSON bool) error {
	e, err := t.explain(cmd.Context(), &explain.Request{ID: id})
	if err != nil {
		return err
	}
	return printExplanations(cmd.OutOrStdout(), []*explain.Explanation{e}, asJSON)
}

// whole adds the scheme that people leave out.
func whole(url string) string {
	if strings.Contains(url, "://") {
		return url
	}
	return "http://" + url
}

// fillQuestion takes the headers of the flags and of the viewer's file.
func fillQuestion(in *explain.Request, headers []string, as string) error {
	if as != "" {
		b, err := os.ReadFile(as)
		if err != nil {
			return err
		}
		var v viewerFile
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			return fmt.Errorf(`%s: a viewer is {"headers": {}, "cookies": {}, "address": ""}: %w`, as, err)
		}
		in.Address = v.Address
		for _, n := range slices.Sorted(maps.Keys(v.Headers)) {
			in.Headers = append(in.Headers, [2]string{n, v.Headers[n]})
		}
		var cookies []string
		for _, n := range slices.Sorted(maps.Keys(v.Cookies)) {
			cookies = append(cookies, n+"="+v.Cookies[n])
		}
		if len(cookies) > 0 {
			in.Headers = append(in.Headers, [2]string{"Cookie", strings.Join(cookies, "; ")})
		}
	}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return fmt.Errorf("header %q: write 'Name: value'", h)
		}
		in.Headers = append(in.Headers, [2]string{name, strings.TrimSpace(value)})
	}
	return nil
}

func (t *target) explain(ctx context.Context, in *explain.Request) (*explain.Explanation, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	rs, err := t.ask(ctx, http.MethodPost, "/v1/explain", body)
	if err != nil {
		return nil, err
	}
	defer rs.Body.Close()
	e := &explain.Explanation{}
	if err := json.NewDecoder(rs.Body).Decode(e); err != nil {
		return nil, fmt.Errorf("admin side: %w", err)
	}
	return e, nil
}

// printExplanations prints one explanation, or in what the keys of two differ.
func printExplanations(w io.Writer, all []*explain.Explanation, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if len(all) == 2 {
			return enc.Encode(map[string]any{"a": all[0], "b": all[1], "differs": explain.Diff(all[0].Key, all[1].Key)})
		}
		return enc.Encode(all[0])
	}
	if len(all) == 2 {
		return explain.TextOfDiff(w, all[0], all[1])
	}
	return all[0].Text(w)
}
