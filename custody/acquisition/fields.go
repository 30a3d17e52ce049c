package acquisition

import (
	"fmt"
	"iter"
	"strings"

	"comity.example/comity/custody/bag"
)

// hashBytes is the length of each kind of hash.
var hashBytes = map[string]int{"MD5": 16, "SHA1": 20, "SHA256": 32}

// each iterates over the hashes that are known, by the names that UCO has for them.
func (h Hashes) each() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		_ = (h.MD5 == "" || yield("MD5", h.MD5)) && (h.SHA1 == "" || yield("SHA1", h.SHA1)) && (h.SHA256 == "" || yield("SHA256", h.SHA256))
	}
}

// Fields is the short form of a record, for bag-info.txt: labels of RFC 8493, section
// 2.2.2, where it has one, and of ours with "Comity-" before them.
func (r *Record) Fields() []bag.Field {
	list := []bag.Field{{Label: "Contact-Name", Value: r.Examiner}}
	add := func(label, value string) {
		if value != "" {
			list = append(list, bag.Field{Label: label, Value: value})
		}
	}
	add("Internal-Sender-Identifier", r.Case)
	add("Comity-Laboratory", r.Laboratory)
	for i := range r.Acquisitions {
		add("Comity-Acquisition", r.Acquisitions[i].String())
	}
	return list
}

// String describes the act in one line of less than a KiB.
func (a *Acquisition) String() string {
	parts := []string{a.Device.String(), "with " + strings.TrimSpace(a.Tool.Name+" "+a.Tool.Version)}
	if a.Exhibit != "" {
		parts = append([]string{"exhibit " + a.Exhibit}, parts...)
	}
	return strings.Join(parts, ", ")
}

// String describes the device in one line.
func (d *Device) String() string {
	var parts []string
	for _, s := range []string{d.Kind, d.Make, d.Model} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	s := strings.Join(parts, " ")
	if d.Serial != "" {
		s = strings.TrimSpace(s + " serial " + d.Serial)
	}
	for _, n := range d.IMEI {
		s = strings.TrimSpace(fmt.Sprintf("%s IMEI %s", s, n))
	}
	return s
}
