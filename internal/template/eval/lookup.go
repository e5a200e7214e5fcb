// SPDX-License-Identifier: Apache-2.0

package eval

// What a dynamic reference or an SSM parameter stands for is looked up in
// Options.Env under these keys, the first that is set:
//
//	ssm, ssm-secure:  ssm:NAME                 ssm:/app/db-url
//	                  NAME                     /app/db-url
//	                  upper snake of NAME      APP_DB_URL
//
//	secretsmanager, with a JSON key:
//	                  secretsmanager:NAME:KEY  secretsmanager:prod/db:password
//	                  NAME:KEY                 prod/db:password
//	                  upper snake of both      PROD_DB_PASSWORD
//	secretsmanager, whole (with a JSON key: a JSON object that has KEY):
//	                  secretsmanager:NAME, NAME, upper snake of NAME
//
// Upper snake: letters in upper case; every run of other characters than
// letters and digits is one underscore; none at either end. Versions, stages
// and version ids are not told apart. A secret named by its ARN is looked up
// by its name, with and without the six random characters that AWS appends.
// A secret that this template declares is looked up by its name and by its
// logical id, and, where neither is set, has its SecretString, or a password
// in the shape that GenerateSecretString asks for.

import (
	"encoding/json"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// service is where a dynamic reference points. The list is closed.
type service uint8

const (
	serviceSSM service = iota
	serviceSSMSecure
	serviceSecret
)

// String names the service as the reference does.
func (s service) String() string {
	switch s {
	case serviceSSM:
		return "ssm"
	case serviceSSMSecure:
		return "ssm-secure"
	case serviceSecret:
		return "secretsmanager"
	}
	return "service"
}

// Secrets is what an Attributes may implement beside: the text of a secret
// that the template declares, and its logical id.
type Secrets interface {
	Secret(arnOrName string) (logicalID, text string, ok bool)
}

// settingName is the upper snake form of a name.
func settingName(name string) string {
	var b strings.Builder
	gap := false
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte('_')
			gap = false
		}
		b.WriteByte(c)
	}
	return b.String()
}

// env looks for key as written by the service, bare and in upper snake.
func (sc *scope) env(s service, key string) (string, bool) {
	if sc.o.Env == nil || key == "" {
		return "", false
	}
	prefix := "ssm:"
	if s == serviceSecret {
		prefix = "secretsmanager:"
	}
	for _, k := range []string{prefix + key, key, settingName(key)} {
		if v, ok := sc.o.Env(k); ok && k != "" {
			return v, true
		}
	}
	return "", false
}

// lookup finds an SSM parameter.
func (sc *scope) lookup(s service, name string) (string, bool) {
	if v, ok := sc.env(s, name); ok {
		return v, true
	}
	return "", false
}

// lookupSecret finds a secret, or the member key of its JSON object.
func (sc *scope) lookupSecret(ref, key string) (string, bool) {
	names := secretNames(ref)
	var declared string
	if s, ok := sc.attributes.(Secrets); ok {
		if id, text, ok := s.Secret(ref); ok {
			names, declared = append(names, id), text
		}
	}
	for _, name := range names {
		if key != "" {
			if v, ok := sc.env(serviceSecret, name+":"+key); ok {
				return v, true
			}
		}
		if v, ok := sc.env(serviceSecret, name); ok {
			if v, ok = member(v, key); ok {
				return v, true
			}
		}
	}
	if declared == "" {
		return "", false
	}
	return member(declared, key)
}

// secretNames lists the names that a reference may mean.
func secretNames(ref string) []string {
	name := ref
	if strings.HasPrefix(ref, "arn:") {
		if _, after, ok := strings.Cut(ref, ":secret:"); ok {
			name = after
		}
	}
	names := []string{name}
	if i := len(name) - 7; name != ref && i > 0 && name[i] == '-' {
		names = []string{name[:i], name}
	}
	return names
}

// member returns the value under key of a JSON object; the whole text if key
// is empty.
func member(text, key string) (string, bool) {
	if key == "" {
		return text, true
	}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) != nil {
		return "", false
	}
	raw, ok := object[key]
	if !ok {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, true
	}
	return string(raw), true
}

const dynamicOpen = "{{resolve:"

// resolve replaces dynamic references in the texts of v, which was evaluated
// already. It copies what it changes.
//
// Source: AWS CloudFormation User Guide, "Using dynamic references".
func (e *evaluator) resolve(v *tree.Node) (*tree.Node, bool) {
	if v == nil {
		return nil, true
	}
	if !e.spend(v, 1, 0) {
		return v, false
	}
	ok := true
	switch v.Kind {
	case tree.String:
		if strings.Contains(v.Text, dynamicOpen) {
			return e.resolveText(v)
		}
	case tree.List:
		return e.resolveList(v)
	case tree.Map:
		out := v
		for i, en := range v.Entries {
			e.push(en.Key)
			c, good := e.resolve(en.Value)
			e.pop()
			ok = ok && good
			if c == en.Value {
				continue
			}
			if out == v {
				out = placed(v, v)
				out.Entries = append([]tree.Entry(nil), v.Entries...)
			}
			out.Entries[i].Value = c
		}
		return out, ok
	}
	return v, true
}

func (e *evaluator) resolveList(v *tree.Node) (*tree.Node, bool) {
	out, ok := v, true
	for i, it := range v.Items {
		c, good := e.resolve(it)
		ok = ok && good
		if c == it {
			continue
		}
		if out == v {
			out = placed(v, v)
			out.Items = append([]*tree.Node(nil), v.Items...)
		}
		out.Items[i] = c
	}
	return out, ok
}

// resolveText replaces the dynamic references of one text. What is not
// understood stays as it is, which is what CloudFormation does.
func (e *evaluator) resolveText(v *tree.Node) (*tree.Node, bool) {
	var b strings.Builder
	s, ok := v.Text, true
	for {
		i := strings.Index(s, dynamicOpen)
		if i < 0 {
			break
		}
		j := strings.Index(s[i:], "}}")
		if j < 0 {
			break
		}
		b.WriteString(s[:i])
		value, good := e.dynamic(v, s[i+len(dynamicOpen):i+j])
		ok = ok && good
		if !e.spend(v, 1, len(value)) || b.Len()+len(value) > MaxText {
			return v, e.spend(v, 0, MaxText+1)
		}
		b.WriteString(value)
		s = s[i+j+2:]
	}
	b.WriteString(s)
	return &tree.Node{Kind: tree.String, Text: b.String(), Pos: v.Pos}, ok
}

// dynamic resolves the inside of one {{resolve:…}}.
func (e *evaluator) dynamic(n *tree.Node, ref string) (string, bool) {
	kind, rest, _ := strings.Cut(ref, ":")
	switch kind {
	case "ssm", "ssm-secure":
		name := rest
		if i := strings.LastIndexByte(rest, ':'); i > 0 && !strings.HasPrefix(rest, "arn:") {
			name = rest[:i] // the version
		}
		s := serviceSSM
		if kind == "ssm-secure" {
			s = serviceSSMSecure
		}
		if v, ok := e.sc.lookup(s, name); ok {
			if s == serviceSSMSecure {
				e.sc.secret(v)
			}
			return v, true
		}
		e.fail(n, "set "+settingName(name)+" in --env-file", "%s parameter %q is not known here", s, e.sc.mask(name))
		return "", false
	case "secretsmanager":
		return e.secretText(n, rest)
	}
	return dynamicOpen + ref + "}}", true
}

// secretText resolves ID:SecretString:key:stage:version, where ID may be an ARN.
func (e *evaluator) secretText(n *tree.Node, rest string) (string, bool) {
	fields := strings.Split(rest, ":")
	id, fields := fields[0], fields[1:]
	if id == "arn" && len(fields) >= 6 {
		id, fields = "arn:"+strings.Join(fields[:6], ":"), fields[6:]
	}
	key := ""
	if len(fields) > 1 {
		key = fields[1]
	}
	if v, ok := e.sc.lookupSecret(id, key); ok {
		e.sc.secret(v)
		return v, true
	}
	names := secretNames(id)
	if s, ok := e.sc.attributes.(Secrets); ok {
		if logical, _, ok := s.Secret(id); ok {
			names = []string{logical}
		}
	}
	setting := names[0]
	if key != "" {
		setting += "_" + key
	}
	e.fail(n, "set "+settingName(setting)+" in --env-file", "%s secret %q is not known here", serviceSecret, e.sc.mask(names[0]))
	return "", false
}
