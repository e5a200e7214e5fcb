// SPDX-License-Identifier: Apache-2.0

// Package principal knows who signs requests with AWS credentials, and what
// they may do (rows A13, A14, L9).
//
// The flow: (1) the operator's file makes Principals, and New a Set of them;
// (2) a Directory binds the Set that is in force to the IAM resources of stacks;
// (3) its Signer is the holder of an access key with all policies that decide;
// (4) Signer.Decide asks these, and Signer.Permits them together with the policy
// of a resource.
//
// It fails closed: a policy that is not known as a whole may hold a Deny, and
// denies everything.
//
// What it does not do: it checks no signature and reads no file. Session
// policies, service control policies and tags of principals are not known.
//
// Concurrency: Principals, Sets and Signers are read-only; a Directory may be
// asked by many at once.
package principal

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/forelane/forelane/internal/policy"
	"github.com/forelane/forelane/internal/sigv4"
)

// Kind is what a principal is: a closed list.
type Kind uint8

// The kinds of principals.
const (
	User    Kind = iota // arn:aws:iam::ACCOUNT:user/PATH/NAME
	Session             // arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION
	Root                // arn:aws:iam::ACCOUNT:root
)

// String is aws:PrincipalType.
func (k Kind) String() string { return [...]string{"User", "AssumedRole", "Account", "?"}[k&3] }

// Principal is who holds an access key. Nothing prints its secret.
type Principal struct {
	sigv4.Credentials
	// Expires is when the credentials end; zero: never.
	Expires time.Time
	ARN     string
	// ID is the unique id, AIDA… or AROA…:SESSION. Empty: New invents one, the
	// same for the same ARN.
	ID string
	// Policies are those of the file itself. Names are of the templates'
	// policies, users, roles or groups: by logical id, ARN or the name in the ARN.
	Policies []*policy.Document
	Names    []string

	name name
}

// name is an ARN, taken apart.
type name struct {
	kind             Kind
	account          string
	user             string // or the name of the role
	session          string
	role             string // ARN of the role, without its path
	partitionAccount string // arn:aws:iam::ACCOUNT
}

// Account is the account of the principal.
func (p *Principal) Account() string { return p.name.account }

var arnForm = regexp.MustCompile(`^arn:(aws[a-z-]*):(iam|sts)::([0-9]{12}):(root|user/(?:[!-.0-~]+/)*([\w+=,.@-]{1,64})|assumed-role/([\w+=,.@-]{1,64})/([\w+=,.@-]{1,64}))$`)

func readARN(arn string) (n name, err error) {
	m := arnForm.FindStringSubmatch(arn)
	if m == nil || (m[2] == "sts") != (m[6] != "") {
		return n, errors.New("want arn:aws:iam::123456789012:user/NAME, arn:aws:sts::123456789012:assumed-role/ROLE/SESSION or arn:aws:iam::123456789012:root")
	}
	n = name{account: m[3], user: m[5], partitionAccount: "arn:" + m[1] + ":iam::" + m[3]}
	switch {
	case m[4] == "root":
		n.kind = Root
	case m[6] != "":
		n.kind, n.user, n.session, n.role = Session, m[6], m[7], n.partitionAccount+":role/"+m[6]
	}
	return n, nil
}

// keyForm is what AWS takes as an access key id.
var keyForm = regexp.MustCompile(`^\w{16,128}$`)

// maxSecret bounds secrets and tokens; AWS's are smaller.
const maxSecret = 4096

// Check completes a principal and says what is wrong with it, by the property
// of the file.
func (p *Principal) Check() (property string, err error) {
	switch {
	case !keyForm.MatchString(p.AccessKeyID):
		return "accessKeyId", errors.New("want 16 to 128 letters, digits and _")
	case len(p.SecretAccessKey) < 16 || len(p.SecretAccessKey) > maxSecret:
		return "secretAccessKey", fmt.Errorf("want 16 to %d bytes", maxSecret)
	case len(p.SessionToken) > maxSecret:
		return "sessionToken", fmt.Errorf("want %d bytes at most", maxSecret)
	}
	if p.name, err = readARN(p.ARN); err != nil {
		return "arn", err
	}
	if p.ID == "" {
		p.ID = p.name.invent(p.ARN)
	}
	return "", nil
}

// invent makes an id that is the same for the same ARN, in AWS's form.
func (n *name) invent(arn string) string {
	of := arn
	if n.kind == Session {
		of = n.role
	}
	sum := sha256.Sum256([]byte(of))
	id := base32.StdEncoding.EncodeToString(sum[:])[:17]
	switch n.kind {
	case Root:
		return n.account
	case Session:
		return "AROA" + id + ":" + n.session
	case User:
	}
	return "AIDA" + id
}

// HasToken compares a session token; without one, none must be sent.
func (p *Principal) HasToken(token string) bool {
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(p.SessionToken))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// Expired tells whether the credentials have ended.
func (p *Principal) Expired(now time.Time) bool { return !p.Expires.IsZero() && !now.Before(p.Expires) }

// Set are the principals that are known. The nil Set knows nobody.
type Set struct{ byKey map[string]*Principal }

// New makes a Set of principals that Check has completed.
func New(list []*Principal) *Set {
	s := &Set{map[string]*Principal{}}
	for _, p := range list {
		s.byKey[p.AccessKeyID] = p
	}
	return s
}

// Find is who holds an access key; nil: nobody.
func (s *Set) Find(accessKeyID string) *Principal {
	if s == nil {
		return nil
	}
	return s.byKey[accessKeyID]
}

// All are the principals, in no order.
func (s *Set) All() []*Principal {
	if s == nil {
		return nil
	}
	out := make([]*Principal, 0, len(s.byKey))
	for _, p := range s.byKey {
		out = append(out, p)
	}
	return out
}

// conditions are the keys that a policy can ask about the principal.
func (p *Principal) conditions(roleARN string) map[string]string {
	arn := p.ARN
	if p.name.kind == Session {
		arn = roleARN
	}
	m := map[string]string{
		"aws:principalarn": arn, "aws:principalaccount": p.name.account, "aws:userid": p.ID, "aws:principaltype": p.name.kind.String(),
		"aws:principalisawsservice": "false",
	}
	if p.name.kind == User {
		m["aws:username"] = p.name.user
	}
	return m
}

// names are what a resource's policy may call the principal: its own names, and
// those of its account.
func (p *Principal) names(roleARN string) (own, account []string) {
	account = []string{"AWS:" + p.name.partitionAccount + ":root", "AWS:" + p.name.account}
	if p.name.kind == Root {
		return account, account
	}
	own = []string{"AWS:" + p.ARN}
	if p.name.kind == Session {
		own = append(own, "AWS:"+roleARN)
	}
	return own, account
}
