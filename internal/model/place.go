// SPDX-License-Identifier: Apache-2.0

package model

// Place is where an address is, as far as a database knows; what it does not
// know is empty.
type Place struct {
	Country     string // ISO 3166-1, two letters
	CountryName string
	Region      string // ISO 3166-2 without the country
	RegionName  string
	City        string
	PostalCode  string
	TimeZone    string // of the IANA database
	Latitude    string // as CloudFront writes it
	Longitude   string
	MetroCode   string
	Continent   string // AF, AN, AS, EU, NA, OC, SA
	ASN         uint32 // 0: not known
}
