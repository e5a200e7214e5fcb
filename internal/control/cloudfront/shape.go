// SPDX-License-Identifier: Apache-2.0

package cloudfront

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/xml"
)

// The shapes of CloudFront's XML, in its order.

// list is a Quantity and Items. Each item is an element of its own name.
type list[T any] struct {
	Quantity int `xml:"Quantity"`
	Items    *struct {
		List []item[T]
	} `xml:"Items,omitempty"`
}

type item[T any] struct {
	name  string
	value T
}

// MarshalXML writes the value under its name.
func (i item[T]) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(i.value, xml.StartElement{Name: xml.Name{Local: i.name}})
}

func (l *list[T]) add(name string, v T) {
	if l.Items == nil {
		l.Items = &struct{ List []item[T] }{}
	}
	l.Items.List = append(l.Items.List, item[T]{name, v})
	l.Quantity++
}

func texts(name string, all []string) list[string] {
	var l list[string]
	for _, s := range all {
		l.add(name, s)
	}
	return l
}

type textItems struct{ List []item[string] }

func items(name string, all []string) *textItems {
	if len(all) == 0 {
		return nil
	}
	t := &textItems{}
	for _, s := range all {
		t.List = append(t.List, item[string]{name, s})
	}
	return t
}

type enabled struct {
	Enabled bool `xml:"Enabled"`
}

type distributionConfig struct {
	XMLName           xml.Name          `xml:"DistributionConfig"`
	Space             string            `xml:"xmlns,attr,omitempty"`
	CallerReference   string            `xml:"CallerReference"`
	Aliases           list[string]      `xml:"Aliases"`
	DefaultRootObject string            `xml:"DefaultRootObject"`
	Origins           list[origin]      `xml:"Origins"`
	OriginGroups      list[originGroup] `xml:"OriginGroups"`
	Default           behavior          `xml:"DefaultCacheBehavior"`
	CacheBehaviors    list[behavior]    `xml:"CacheBehaviors"`
	Errors            list[customError] `xml:"CustomErrorResponses"`
	Comment           string            `xml:"Comment"`
	Logging           logging           `xml:"Logging"`
	PriceClass        string            `xml:"PriceClass"`
	Enabled           bool              `xml:"Enabled"`
	Certificate       certificate       `xml:"ViewerCertificate"`
	Restrictions      geoRestriction    `xml:"Restrictions>GeoRestriction"`
	WebACL            string            `xml:"WebACLId"`
	HTTPVersion       string            `xml:"HttpVersion"`
	IPv6              bool              `xml:"IsIPV6Enabled"`
	Deployment        string            `xml:"ContinuousDeploymentPolicyId"`
	Staging           bool              `xml:"Staging"`
	Tags              *tagConfig        `xml:"CacheTagConfig,omitempty"`
}

type tagConfig struct {
	HeaderName string `xml:"HeaderName"`
}

type origin struct {
	ID         string             `xml:"Id"`
	DomainName string             `xml:"DomainName"`
	Path       string             `xml:"OriginPath"`
	Headers    list[originHeader] `xml:"CustomHeaders"`
	S3         *s3Origin          `xml:"S3OriginConfig,omitempty"`
	Custom     *customOrigin      `xml:"CustomOriginConfig,omitempty"`
	VPC        *vpcOrigin         `xml:"VpcOriginConfig,omitempty"`
	Attempts   int                `xml:"ConnectionAttempts"`
	Timeout    int                `xml:"ConnectionTimeout"`
	Shield     originShield       `xml:"OriginShield"`
	Access     string             `xml:"OriginAccessControlId"`
}

type originHeader struct {
	Name  string `xml:"HeaderName"`
	Value string `xml:"HeaderValue"`
}

type s3Origin struct {
	Identity string `xml:"OriginAccessIdentity"`
}

type customOrigin struct {
	HTTPPort    int          `xml:"HTTPPort"`
	HTTPSPort   int          `xml:"HTTPSPort"`
	Protocol    string       `xml:"OriginProtocolPolicy"`
	TLS         list[string] `xml:"OriginSslProtocols"`
	ReadTimeout int          `xml:"OriginReadTimeout"`
	KeepAlive   int          `xml:"OriginKeepaliveTimeout"`
}

type vpcOrigin struct {
	ID          string `xml:"VpcOriginId"`
	ReadTimeout int    `xml:"OriginReadTimeout"`
	KeepAlive   int    `xml:"OriginKeepaliveTimeout"`
}

type originShield struct {
	Enabled bool   `xml:"Enabled"`
	Region  string `xml:"OriginShieldRegion,omitempty"`
}

type originGroup struct {
	ID       string       `xml:"Id"`
	Statuses list[int]    `xml:"FailoverCriteria>StatusCodes"`
	Members  list[member] `xml:"Members"`
}

type member struct {
	ID string `xml:"OriginId"`
}

type behavior struct {
	PathPattern     string         `xml:"PathPattern,omitempty"`
	Target          string         `xml:"TargetOriginId"`
	Signers         trusted        `xml:"TrustedSigners"`
	KeyGroups       trusted        `xml:"TrustedKeyGroups"`
	Viewer          string         `xml:"ViewerProtocolPolicy"`
	Allowed         allowed        `xml:"AllowedMethods"`
	Smooth          bool           `xml:"SmoothStreaming"`
	Compress        bool           `xml:"Compress"`
	Lambdas         list[lambda]   `xml:"LambdaFunctionAssociations"`
	Functions       list[function] `xml:"FunctionAssociations"`
	FieldEncryption string         `xml:"FieldLevelEncryptionId"`
	RealtimeLog     string         `xml:"RealtimeLogConfigArn,omitempty"`
	CachePolicy     string         `xml:"CachePolicyId,omitempty"`
	RequestPolicy   string         `xml:"OriginRequestPolicyId,omitempty"`
	ResponsePolicy  string         `xml:"ResponseHeadersPolicyId,omitempty"`
	GRPC            enabled        `xml:"GrpcConfig"`
	Forwarded       *forwarded     `xml:"ForwardedValues,omitempty"`
	MinTTL          *int64         `xml:"MinTTL,omitempty"`
	DefaultTTL      *int64         `xml:"DefaultTTL,omitempty"`
	MaxTTL          *int64         `xml:"MaxTTL,omitempty"`
}

type trusted struct {
	Enabled  bool       `xml:"Enabled"`
	Quantity int        `xml:"Quantity"`
	Items    *textItems `xml:"Items,omitempty"`
}

type allowed struct {
	Quantity int          `xml:"Quantity"`
	Items    *textItems   `xml:"Items"`
	Cached   list[string] `xml:"CachedMethods"`
}

type function struct {
	ARN   string `xml:"FunctionARN"`
	Event string `xml:"EventType"`
}

type lambda struct {
	ARN   string `xml:"LambdaFunctionARN"`
	Event string `xml:"EventType"`
	Body  bool   `xml:"IncludeBody"`
}

type forwarded struct {
	Query       bool          `xml:"QueryString"`
	Cookies     string        `xml:"Cookies>Forward"`
	CookieNames *list[string] `xml:"Cookies>WhitelistedNames,omitempty"`
	Headers     list[string]  `xml:"Headers"`
	Keys        list[string]  `xml:"QueryStringCacheKeys"`
}

type customError struct {
	Code     int    `xml:"ErrorCode"`
	Page     string `xml:"ResponsePagePath"`
	Response any    `xml:"ResponseCode"`
	TTL      *int64 `xml:"ErrorCachingMinTTL,omitempty"`
}

type logging struct {
	Enabled bool   `xml:"Enabled"`
	Cookies bool   `xml:"IncludeCookies"`
	Bucket  string `xml:"Bucket"`
	Prefix  string `xml:"Prefix"`
}

type certificate struct {
	Default bool   `xml:"CloudFrontDefaultCertificate"`
	Minimum string `xml:"MinimumProtocolVersion"`
	Source  string `xml:"CertificateSource"`
}

type geoRestriction struct {
	Type     string     `xml:"RestrictionType"`
	Quantity int        `xml:"Quantity"`
	Items    *textItems `xml:"Items,omitempty"`
}

type summary struct {
	ID             string            `xml:"Id"`
	ETag           string            `xml:"ETag"`
	ARN            string            `xml:"ARN"`
	Status         string            `xml:"Status"`
	LastModified   string            `xml:"LastModifiedTime"`
	DomainName     string            `xml:"DomainName"`
	Aliases        list[string]      `xml:"Aliases"`
	Origins        list[origin]      `xml:"Origins"`
	OriginGroups   list[originGroup] `xml:"OriginGroups"`
	Default        behavior          `xml:"DefaultCacheBehavior"`
	CacheBehaviors list[behavior]    `xml:"CacheBehaviors"`
	Errors         list[customError] `xml:"CustomErrorResponses"`
	Comment        string            `xml:"Comment"`
	PriceClass     string            `xml:"PriceClass"`
	Enabled        bool              `xml:"Enabled"`
	Certificate    certificate       `xml:"ViewerCertificate"`
	Restrictions   geoRestriction    `xml:"Restrictions>GeoRestriction"`
	WebACL         string            `xml:"WebACLId"`
	HTTPVersion    string            `xml:"HttpVersion"`
	IPv6           bool              `xml:"IsIPV6Enabled"`
	Staging        bool              `xml:"Staging"`
}

type distributionList struct {
	XMLName xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ DistributionList"`
	paging
	Items struct {
		List []summary `xml:"DistributionSummary"`
	} `xml:"Items"`
}

type distributionAnswer struct {
	XMLName      xml.Name            `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ Distribution"`
	ID           string              `xml:"Id"`
	ARN          string              `xml:"ARN"`
	Status       string              `xml:"Status"`
	LastModified string              `xml:"LastModifiedTime"`
	InProgress   int                 `xml:"InProgressInvalidationBatches"`
	DomainName   string              `xml:"DomainName"`
	Signers      enabled             `xml:"ActiveTrustedSigners"`
	KeyGroups    enabled             `xml:"ActiveTrustedKeyGroups"`
	Config       *distributionConfig `xml:"DistributionConfig"`
}

// etag is the version of a configuration.
func etag(d Distribution) string {
	b, _ := xml.Marshal(configOf(d.Distribution)) // our own structs
	sum := sha256.Sum256(b)
	return "E" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:8])
}
