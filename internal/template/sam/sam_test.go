// SPDX-License-Identifier: Apache-2.0

package sam

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/sam/openapi"
	"github.com/forelane/forelane/internal/template/tree"
)

func parse(t testing.TB, text string) *tree.Node {
	t.Helper()
	n, err := tree.Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestGolden compares templates of testdata with the results beside them,
// lists in order. With GOLDEN=write it writes them.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	for _, in := range inputs {
		t.Run(filepath.Base(in), func(t *testing.T) {
			text, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Transform(parse(t, string(text)), Options{Region: "eu-west-1"})
			if err != nil {
				t.Fatal(err)
			}
			out := strings.TrimSuffix(in, ".yaml") + ".json"
			if os.Getenv("GOLDEN") == "write" {
				var b bytes.Buffer
				if err := json.Indent(&b, tree.CanonicalJSON(got), "", " "); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(out, append(b.Bytes(), '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if d := difference("", decode(t, want), decode(t, tree.JSON(got))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNeedsTransform(t *testing.T) {
	for in, want := range map[string]bool{
		"Transform: AWS::Serverless-2016-10-31":                               true,
		"Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]":    true,
		"Transform: [{Name: AWS::Include}]":                                   false,
		"Transform: AWS::LanguageExtensions":                                  false,
		"Resources: {}":                                                       false,
		"Transform: {Name: AWS::Serverless-2016-10-31}":                       true,
		"Transform: [[AWS::Serverless-2016-10-31]]":                           false,
		"Transform: {Name: [AWS::Serverless-2016-10-31], Parameters: {a: b}}": false,
	} {
		if got := NeedsTransform(parse(t, in)); got != want {
			t.Errorf("%s: got %v", in, got)
		}
	}
}

// transform transforms Resources of a template.
func transform(t *testing.T, text string) *tree.Node {
	t.Helper()
	got, err := Transform(parse(t, text), Options{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return got
}

const functionText = "Type: AWS::Serverless::Function, Properties: {Handler: a.b, Runtime: nodejs20.x, CodeUri: ./src"

func TestInputStays(t *testing.T) {
	in := parse(t, "Transform: AWS::Serverless-2016-10-31\nGlobals: {Function: {Timeout: 3}}\nResources: {F: {"+functionText+", Events: {E: {Type: Api, Properties: {Path: /, Method: get}}}}}}")
	before := string(tree.JSON(in))
	out, err := Transform(in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if string(tree.JSON(in)) != before {
		t.Error("the input was changed")
	}
	if out.Has("Globals") || out.Has("Transform") {
		t.Error("Globals or Transform are left")
	}
}

func TestLocalCode(t *testing.T) {
	out := transform(t, "Resources: {F: {"+functionText+", AutoPublishAlias: live}}, L: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}}")
	if s, _ := out.At("Resources", "F", "Properties", "Code").Str(); s != "./src" {
		t.Errorf("Code is %s", tree.JSON(out.At("Resources", "F", "Properties", "Code")))
	}
	found := false
	for _, e := range out.Get("Resources").Entries {
		if strings.HasPrefix(e.Key, "L") {
			s, _ := e.Value.At("Properties", "Content").Str()
			found = s == "layer/"
		}
	}
	if !found {
		t.Error("the layer lost its folder")
	}
}

func TestGlobals(t *testing.T) {
	tests := []struct{ name, global, own, want string }{
		{"own wins", "Timeout: 3", "Timeout: 9", `{"Timeout":9}`},
		{"maps merge", "Environment: {Variables: {A: x, B: x}}", "Environment: {Variables: {B: y}}", `{"Environment":{"Variables":{"A":"x","B":"y"}}}`},
		{"lists join", "Layers: [g]", "Layers: [o]", `{"Layers":["g","o"]}`},
		{"intrinsics are not merged", "VpcConfig: {Ref: G}", "VpcConfig: {SubnetIds: [s]}", `{"VpcConfig":{"SubnetIds":["s"]}}`},
		{"another kind", "KmsKeyArn: {a: b}", "KmsKeyArn: x", `{"KmsKeyArn":"x"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := transform(t, "Globals: {Function: {"+tt.global+"}}\nResources: {F: {"+functionText+", "+tt.own+"}}}")
			want := parse(t, tt.want).Entries[0]
			if got := out.At("Resources", "F", "Properties", want.Key); !tree.Equal(got, want.Value) {
				t.Errorf("got %s, want %s", tree.JSON(got), tt.want)
			}
		})
	}
	out := transform(t, "Globals: {Function: {Timeout: 3, MemorySize: 256}}\nResources: {F: {IgnoreGlobals: [Timeout], "+functionText+"}}}")
	if p := out.At("Resources", "F", "Properties"); p.Has("Timeout") || !p.Has("MemorySize") {
		t.Errorf("IgnoreGlobals: %s", tree.JSON(p))
	}
}

func TestReferences(t *testing.T) {
	out := transform(t, `
Resources:
  F: {`+functionText+`, AutoPublishAlias: live, Events: {E: {Type: Api, Properties: {Path: /, Method: get}}}}}
  L: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: s3://a/b}}
  U:
    Type: AWS::SNS::Topic
    DependsOn: [L]
    Properties:
      A: !Ref F.Alias
      B: !Sub "${F.Alias}/${ServerlessRestApi.Stage}/${L}/${Other.Thing}/${!F.Alias}"
      C: !GetAtt F.Version.Version
      D: !Ref L
      E: !Ref F.Nothing
`)
	rs := out.Get("Resources")
	var version, layer string
	for _, id := range rs.Keys() {
		switch {
		case strings.HasPrefix(id, "FVersion"):
			version = id
		case strings.HasPrefix(id, "L"):
			layer = id
		}
	}
	p := rs.At("U", "Properties")
	want := `{"A":{"Ref":"FAliaslive"},"B":{"Fn::Sub":"${FAliaslive}/${ServerlessRestApiProdStage}/${` + layer + `}/${Other.Thing}/${!F.Alias}"},` +
		`"C":{"Fn::GetAtt":["` + version + `","Version"]},"D":{"Ref":"` + layer + `"},"E":{"Ref":"F.Nothing"}}`
	if got := string(tree.JSON(p)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(tree.JSON(rs.At("U", "DependsOn"))); got != `["`+layer+`"]` {
		t.Errorf("DependsOn is %s", got)
	}
}

func TestImplicitAPI(t *testing.T) {
	const event = ", Events: {E: {Type: Api, Properties: {Path: /%, Method: get}}}}"
	fn := func(cond, path string) string {
		return "{Condition: " + cond + ", " + functionText + strings.ReplaceAll(event, "%", path) + "}"
	}
	out := transform(t, "Conditions: {A: x, B: y}\nResources: {F: "+fn("A", "a")+", G: "+fn("B", "b")+"}")
	if s := string(tree.JSON(out.At("Conditions", "ServerlessRestApiCondition"))); s != `{"Fn::Or":[{"Condition":"A"},{"Condition":"B"}]}` {
		t.Errorf("the condition is %s", s)
	}
	api := out.At("Resources", "ServerlessRestApi")
	if s, _ := api.Get("Condition").Str(); s != "ServerlessRestApiCondition" {
		t.Errorf("the API's condition is %q", s)
	}
	if s, _ := api.At("Properties", "Body", "paths", "/a", "Fn::If").Items[0].Str(); s != "A" {
		t.Errorf("the path's condition is %q", s)
	}
	out = transform(t, "Resources: {F: {"+functionText+"}}, ServerlessHttpApi: {Type: AWS::SNS::Topic}}")
	if s, _ := out.At("Resources", "ServerlessHttpApi", "Type").Str(); s != "AWS::SNS::Topic" || out.At("Resources", "ServerlessRestApi") != nil {
		t.Errorf("an API was made that nothing needs: %s", tree.JSON(out.Get("Resources")))
	}
}

func TestRefused(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"no resources", "Transform: x", "Resources"},
		{"a resource that is a list", "Resources: {F: []}", "t.yaml:1:16: Resources.F: "},
		{"properties that are a list", "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: []", "t.yaml:4:17: Resources.F: "},
		{"an unknown type", "Resources: {F: {Type: AWS::Serverless::Thing}}", "Resources.F: there is no resource type"},
		{"an unknown section", "Globals: {Thing: {}}\nResources: {F: {Type: x}}", "Globals: there is no section Thing"},
		{"an unknown global", "Globals: {Function: {Role: x}}\nResources: {F: {Type: x}}", "Globals: section Function has no property Role"},
		{"an unknown property", "Resources: {F: {" + functionText + ", Tmeout: 3}}}", "Resources.F: property Tmeout is not known"},
		{"no code", "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: a, Runtime: b}}}", "Resources.F: CodeUri or InlineCode"},
		{"an event without a type", "Resources: {F: {" + functionText + ", Events: {E: {}}}}}", "Resources.F: event E: "},
		{"an event that is a text", "Resources: {F: {" + functionText + ", Events: {E: x, G: y}}}}", "Resources.F: "},
		{"a route twice", "Resources: {F: {" + functionText + ", Events: {E: {Type: HttpApi, Properties: {Path: /, Method: get}}, G: {Type: HttpApi, Properties: {Path: /, Method: GET}}}}}}", "Resources.F: event G: "},
		{"an id that is taken", "Resources: {F: {" + functionText + "}}, FRole: {Type: AWS::IAM::Role}}", "already"},
		{"all faults are told", "Resources: {F: {Type: AWS::Serverless::Function}, G: {Type: AWS::Serverless::SimpleTable, Properties: {x: y}}}", "Resources.G: property x"},
		{"an API elsewhere", "Resources: {F: {" + functionText + ", Events: {E: {Type: Api, Properties: {Path: /, Method: get, RestApiId: !ImportValue x}}}}}}", "Resources.F: event E: RestApiId"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Transform(parse(t, tt.in), Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestRoutesAreBounded(t *testing.T) {
	events := tree.NewMap()
	for i := range openapi.MaxRoutes + 1 {
		events.Entries = append(events.Entries, tree.Entry{Key: "E" + strconv.Itoa(i), Value: parse(t, "{Type: HttpApi, Properties: {Method: get, Path: /"+strconv.Itoa(i)+"}}")})
	}
	in := parse(t, "Resources: {F: {"+functionText+"}}}")
	in.At("Resources", "F", "Properties").Set("Events", events)
	if _, err := Transform(in, Options{}); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}

// TestPublicTemplates transforms the public templates that use SAM, if CORPUS
// names the folder that has them.
func TestPublicTemplates(t *testing.T) {
	corpus := os.Getenv("CORPUS")
	if corpus == "" {
		t.Log("CORPUS is not set: nothing to do")
		return
	}
	var all, done int
	err := filepath.WalkDir(filepath.Join(corpus, "templates"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		in, err := tree.Parse(filepath.Base(path), text)
		if err != nil || !NeedsTransform(in) {
			return nil //nolint:nilerr // not a template, or not one of SAM
		}
		all++
		build(in)
		out, err := Transform(in, Options{ReadFile: func(string) (*tree.Node, error) { return openapi.HTTPSkeleton(), nil }})
		if err != nil {
			t.Logf("%s: %v", path, err)
			return nil
		}
		for _, e := range out.Get("Resources").Entries {
			if strings.HasPrefix(typeOf(e.Value), prefix) {
				t.Errorf("%s: %s is left", path, e.Key)
			}
		}
		done++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d transformed", done, all)
	// AWS refuses two as well: for a property that no event has, and for an
	// empty ImageUri.
	if done < all-2 {
		t.Error("too few")
	}
}

// build does what comes before the transform: `sam build` gives functions
// their code, and AWS::Include is replaced by the file that it names.
func build(n *tree.Node) {
	for _, e := range n.Get("Resources").Entries {
		if p := e.Value.Get("Properties"); typeOf(e.Value) == typeFunction && p.IsMap() {
			global := n.At("Globals", "Function")
			kind := p.Get("PackageType")
			if kind == nil {
				kind = global.Get("PackageType")
			}
			for _, k := range []string{"CodeUri", "InlineCode", "ImageUri"} {
				if p.Has(k) || global.Has(k) {
					kind = nil
				}
			}
			if s, _ := kind.Str(); s == "Image" {
				p.Set("ImageUri", tree.NewString("image"))
			} else if !p.Has("InlineCode") && !p.Has("CodeUri") && !global.Has("CodeUri") && !p.Has("ImageUri") {
				p.Set("CodeUri", tree.NewString("."))
			}
		}
	}
	include(n)
}

func include(n *tree.Node) {
	for _, it := range n.Items {
		include(it)
	}
	for i := range n.Entries {
		if n.Entries[i].Value.Has("Fn::Transform") {
			n.Entries[i].Value = openapi.HTTPSkeleton()
		}
		include(n.Entries[i].Value)
	}
}

func FuzzTransform(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, p := range files {
		if b, err := os.ReadFile(p); err == nil {
			f.Add(string(b))
		}
	}
	f.Add("Resources: {F: {" + functionText + ", Events: {E: {Type: Api, Properties: {Path: /, Method: any}}}}}}")
	f.Add("Parameters: {A: {Default: {Ref: A}}}\nResources: {F: {Type: AWS::Serverless::Api, Properties: {StageName: !Ref A, Auth: !Ref A, Domain: {DomainName: !Ref A}}}}")
	f.Add("Resources: {C: {Type: AWS::Serverless::Connector, Properties: {Source: {Id: C}, Destination: {Id: C}, Permissions: [Read]}}}")
	f.Fuzz(func(t *testing.T, text string) {
		in, err := tree.Parse("f", []byte(text))
		if err != nil || len(text) > 20_000 {
			return
		}
		out, err := Transform(in, Options{})
		if err != nil {
			return
		}
		for _, e := range out.Get("Resources").Entries {
			if strings.HasPrefix(typeOf(e.Value), prefix) {
				t.Errorf("%s is left", e.Key)
			}
		}
		again, err := Transform(in, Options{})
		if err != nil || !tree.Equal(out, again) {
			t.Errorf("a second transform differs: %v", err)
		}
	})
}
