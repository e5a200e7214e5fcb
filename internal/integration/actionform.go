// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

var errForm = errors.New("a value has not the form of its parameter")

// protocolOf is the service of a subtype, and how it is called.
func protocolOf(subtype string) (service string, e encoder) {
	name, action, _ := strings.Cut(subtype, "-")
	switch name {
	case "SQS":
		return "sqs", encodeQuery
	case "EventBridge":
		return "events", encodeEvents
	case "Kinesis":
		return "kinesis", encodeJSON
	case "AppConfig":
		return "appconfig", encodeAppConfig
	}
	if action == "StartSyncExecution" { // has a host of its own
		return "sync-states", encodeJSON
	}
	return "states", encodeJSON
}

// encodeJSON makes an object of the arguments. Step Functions write their
// members with small letters.
func encodeJSON(u *model.ServiceURI, args []argument) (*callForm, error) {
	b := []byte{'{'}
	for _, a := range args {
		name := a.name
		if strings.HasSuffix(u.Service, "states") {
			name = strings.ToLower(name[:1]) + name[1:]
		}
		b = text(b, name, a.value)
	}
	return jsonForm(u, append(b, '}')), nil
}

func jsonForm(u *model.ServiceURI, body []byte) *callForm {
	prefix, version := jsonProtocol(u)
	return &callForm{method: http.MethodPost, path: "/", contentType: "application/x-amz-json-" + version, target: prefix + "." + u.Action, body: body}
}

// encodeEvents makes the one entry of PutEvents. Resources are a JSON list, or
// texts between commas.
func encodeEvents(u *model.ServiceURI, args []argument) (*callForm, error) {
	b := []byte(`{"Entries":[{`)
	for _, a := range args {
		switch a.name {
		case "Time":
			at, err := time.Parse(time.RFC3339, a.value)
			if err == nil {
				a.value = strconv.FormatInt(at.Unix(), 10)
			} else if _, err := strconv.ParseUint(a.value, 10, 40); err != nil {
				return nil, errForm
			}
			b = append(key(b, a.name), a.value...)
		case "Resources":
			list, err := listOf(a.value)
			if err != nil {
				return nil, err
			}
			b = append(key(b, a.name), '[')
			for i, v := range list {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendString(b, v)
			}
			b = append(b, ']')
		default:
			b = text(b, a.name, a.value)
		}
	}
	return jsonForm(u, append(b, "}]}"...)), nil
}

// listOf reads a JSON list of texts, or texts between commas.
func listOf(s string) ([]string, error) {
	if !strings.HasPrefix(strings.TrimSpace(s), "[") {
		return strings.Split(s, ","), nil
	}
	v, err := parseValue([]byte(s))
	if err != nil {
		return nil, errForm
	}
	var list []string
	err = v.elements(func(e rawValue) error {
		t, ok := e.scalar()
		if !ok {
			return errForm
		}
		list = append(list, t)
		return nil
	})
	return list, err
}

// encodeQuery makes a form of SQS's Query protocol.
func encodeQuery(u *model.ServiceURI, args []argument) (*callForm, error) {
	b := []byte("Action=" + u.Action + "&Version=2012-11-05")
	add := func(name, value string) { b = append(b, "&"+name+"="+url.QueryEscape(value)...) }
	for _, a := range args {
		switch a.name {
		case "AttributeNames", "MessageAttributeNames":
			list, err := listOf(a.value)
			if err != nil {
				return nil, err
			}
			for i, v := range list {
				add(strings.TrimSuffix(a.name, "s")+"."+strconv.Itoa(i+1), v)
			}
		case "MessageAttributes", "MessageSystemAttributes":
			if err := attributes(strings.TrimSuffix(a.name, "s"), a.value, add); err != nil {
				return nil, err
			}
		default:
			add(a.name, a.value)
		}
	}
	return &callForm{method: http.MethodPost, path: "/", contentType: formType, body: b}, nil
}

// attributes writes {"name":{"DataType":"String","StringValue":"v"}} as
// Prefix.1.Name, Prefix.1.Value.DataType and so on.
func attributes(prefix, object string, add func(name, value string)) error {
	v, err := parseValue([]byte(object))
	if err != nil || !v.isObject() {
		return errForm
	}
	n := 0
	return v.members(func(name string, value rawValue) error {
		if !value.isObject() {
			return errForm
		}
		n++
		at := prefix + "." + strconv.Itoa(n)
		add(at+".Name", name)
		return value.members(func(member string, value rawValue) error {
			t, ok := value.scalar()
			if !ok || !validName(member) {
				return errForm
			}
			add(at+".Value."+member, t)
			return nil
		})
	})
}

func encodeAppConfig(_ *model.ServiceURI, args []argument) (*callForm, error) {
	value := func(name string) string {
		for _, a := range args {
			if a.name == name {
				return a.value
			}
		}
		return ""
	}
	for _, a := range args {
		if a.value == "." || a.value == ".." { // would be another path
			return nil, errForm
		}
	}
	f := &callForm{
		method: http.MethodGet,
		path: "/applications/" + url.PathEscape(value("Application")) + "/environments/" + url.PathEscape(value("Environment")) +
			"/configurations/" + url.PathEscape(value("Configuration")),
		query: "client_id=" + url.QueryEscape(value("ClientId")),
	}
	if v := value("ClientConfigurationVersion"); v != "" {
		f.query += "&client_configuration_version=" + url.QueryEscape(v)
	}
	return f, nil
}
