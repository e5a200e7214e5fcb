// SPDX-License-Identifier: Apache-2.0

// Package grant knows what one AWS resource must be allowed to use another,
// and writes it down as CloudFormation resources. It is the knowledge behind
// AWS::Serverless::Connector and behind the data sources and authorizers of a
// GraphQL API.
//
// The flow: a caller describes a Link (two Ends and the access wanted);
// Link.Resources finds the row for the two types in table.go, refuses what the
// row does not allow, and makes the managed policy, the queue or topic policy
// or the function permissions. Wait tells what must be created after them.
//
// What it does not do: it looks up no resource and changes none; the caller
// finds out ARNs and roles. There is no state.
package grant

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// End is one side of a Link. What the pair of types does not need may be nil.
type End struct {
	ID   string // logical id; empty if the resource is not in the template
	Type string // as CloudFormation names it

	// Origin is the type in the template where it is another one, such as
	// AWS::Serverless::Function.
	Origin string

	Arn        *tree.Node
	RoleName   *tree.Node
	QueueURL   *tree.Node
	ResourceID *tree.Node
	Name       *tree.Node
	Qualifier  *tree.Node
}

// Link is a wish: Source may use Destination.
type Link struct {
	ID          string     // the names of the resources begin with it
	At          *tree.Node // where the wish stands, for messages
	Source      End
	Destination End
	Access      []string // Read, Write
	Suffix      string   // ends the names; for one of several destinations

	// Like is the resource whose attributes (Condition and so on) the new
	// ones take over; nil: there is none.
	Like *tree.Node
}

// Wait tells which resource must wait for the policy that was made.
type Wait struct {
	Mapping bool // the event source mapping from Source to Destination
	Source  bool
}

// Resources makes what the link needs.
func (l Link) Resources() ([]base.Resource, Wait, error) {
	r, ok := lookup(l.Source.Type, l.Destination.Type)
	if !ok {
		return nil, Wait{}, l.fault("a %s cannot be connected to a %s", named(l.Source.Type), named(l.Destination.Type))
	}
	if err := l.checkAccess(r); err != nil {
		return nil, Wait{}, err
	}
	build := l.policy
	if r.means == invocation {
		build = l.permissions
	}
	rs, err := build(r)
	if err != nil {
		return nil, Wait{}, err
	}
	for _, made := range rs {
		l.mark(made)
	}
	return rs, Wait{Mapping: r.waits == eventMapping, Source: r.waits == theSource}, nil
}

// mark gives r the attributes of Like and the note by which AWS counts what
// is connected to what.
func (l Link) mark(r base.Resource) {
	if l.Like != nil {
		r.Inherit(l.Like)
	}
	meta := r.Node.Get(base.Metadata)
	if !meta.IsMap() {
		meta = tree.NewMap()
	}
	ends := base.Map("Source", base.Map("Type", l.Source.origin()), "Destination", base.Map("Type", l.Destination.origin()))
	r.Attr(base.Metadata, meta.With("aws:sam:connectors", base.Map(l.ID, ends)))
}

func (e End) origin() string {
	if e.Origin != "" {
		return e.Origin
	}
	return e.Type
}

func (l Link) fault(format string, args ...any) *tree.Error {
	return base.Errorf(l.ID, l.At, format, args...)
}

func named(typ string) string {
	if typ == "" {
		return "resource of no type"
	}
	return typ
}

func (l Link) checkAccess(r rule) error {
	valid := r.accesses()
	if len(l.Access) == 0 {
		return l.fault("Permissions is empty; give %s", strings.Join(valid, " or "))
	}
	for _, a := range l.Access {
		if !slices.Contains(valid, a) {
			return l.fault("%s is not a permission from %s to %s; give %s",
				a, l.Source.Type, l.Destination.Type, strings.Join(valid, " or "))
		}
	}
	wanted := slices.Compact(slices.Sorted(slices.Values(l.Access)))
	if len(r.combos) > 0 && !slices.Contains(r.combos, strings.Join(wanted, "+")) {
		return l.fault("from %s to %s only %s can be given",
			l.Source.Type, l.Destination.Type, strings.Join(r.combos, " or "))
	}
	return nil
}

// holder is the end that carries the permission.
func (l Link) holder(r rule) End {
	if r.holder == atSource {
		return l.Source
	}
	return l.Destination
}

func (l Link) policy(r rule) ([]base.Resource, error) {
	end := l.holder(r)
	var id, typ, property string
	var target *tree.Node
	what := ""
	switch r.means {
	case rolePolicy:
		id, typ, property = "Policy", "AWS::IAM::ManagedPolicy", "Roles"
		target, what = end.RoleName, "the name of its role"
	case queuePolicy:
		id, typ, property = "QueuePolicy", "AWS::SQS::QueuePolicy", "Queues"
		target, what = end.QueueURL, "the URL of its queue"
	default:
		id, typ, property = "TopicPolicy", "AWS::SNS::TopicPolicy", "Topics"
		target, what = end.Arn, "the ARN of its topic"
	}
	if !base.Truthy(target) {
		return nil, l.fault("the %s does not tell %s", r.holder, what)
	}
	doc, err := l.document(r)
	if err != nil {
		return nil, err
	}
	out := base.NewResource(l.ID+id+l.Suffix, typ)
	out.Set("PolicyDocument", doc).Set(property, tree.NewList(target.Clone()))
	return []base.Resource{out}, nil
}

func (l Link) document(r rule) (*tree.Node, error) {
	statements := tree.NewList()
	for _, p := range r.parts {
		if !slices.Contains(l.Access, p.access) {
			continue
		}
		on := tree.NewList()
		for _, pattern := range p.on {
			v, err := l.fill(pattern)
			if err != nil {
				return nil, err
			}
			on.Add(v)
		}
		if r.means == rolePolicy {
			statements.Add(base.Map("Effect", "Allow", "Action", tree.NewStrings(p.actions...), "Resource", on))
			continue
		}
		from, err := l.fill(r.from)
		if err != nil {
			return nil, err
		}
		statements.Add(base.Map("Effect", "Allow", "Action", p.actions[0], "Resource", on.Items[0],
			"Principal", base.Map("Service", r.service),
			"Condition", base.Map("ArnEquals", base.Map("aws:SourceArn", from))))
	}
	return base.Map("Version", "2012-10-17", "Statement", statements), nil
}

func (l Link) permissions(r rule) ([]base.Resource, error) {
	function := l.holder(r).Arn
	if !base.Truthy(function) {
		return nil, l.fault("the %s does not tell the ARN of its function", r.holder)
	}
	var out []base.Resource
	for _, p := range r.parts {
		if !slices.Contains(l.Access, p.access) {
			continue
		}
		from, err := l.fill(r.from)
		if err != nil {
			return nil, err
		}
		perm := base.NewResource(l.ID+p.access+"LambdaPermission"+l.Suffix, "AWS::Lambda::Permission")
		perm.Set("Action", tree.NewString(p.actions[0])).Set("FunctionName", function.Clone())
		perm.Set("Principal", tree.NewString(r.service)).Set("SourceArn", from)
		if r.account {
			perm.Set("SourceAccount", base.Sub("${AWS::AccountId}", nil))
		}
		out = append(out, perm)
	}
	return out, nil
}

var hole = regexp.MustCompile(`\{(?:dst|src)(?:\.[a-z]+)?\}`)

// fill replaces the holes of a pattern by values of the link's ends.
func (l Link) fill(pattern string) (*tree.Node, error) {
	vars := tree.NewMap()
	text := hole.ReplaceAllStringFunc(pattern, func(h string) string {
		name, v := l.value(h)
		vars.Set(name, orNull(v))
		return "${" + name + "}"
	})
	for _, e := range vars.Entries {
		if e.Value.IsNull() {
			return nil, l.fault("the %s of the connection is not known", e.Key)
		}
	}
	switch {
	case vars.Len() == 1 && text == "${"+vars.Entries[0].Key+"}":
		return vars.Entries[0].Value, nil
	case vars.Len() == 0 && !strings.Contains(text, "${"):
		return tree.NewString(text), nil
	}
	return base.Sub(text, vars), nil
}

func orNull(n *tree.Node) *tree.Node {
	if n == nil {
		return tree.NewNull()
	}
	return n.Clone()
}

// value gives what a hole stands for and the name it has in an Fn::Sub.
func (l Link) value(h string) (string, *tree.Node) {
	switch h {
	case "{dst}":
		return "DestinationArn", l.Destination.Arn
	case "{dst.name}":
		return "DestinationName", l.Destination.Name
	case "{src}":
		return "SourceArn", l.Source.Arn
	case "{src.id}":
		return "SourceResourceId", l.Source.ResourceID
	default: // {src.qual}
		return "SourceQualifier", l.Source.Qualifier
	}
}

// Nth is the Suffix of the i-th of several destinations.
func Nth(i int) string { return "Destination" + strconv.Itoa(i) }
