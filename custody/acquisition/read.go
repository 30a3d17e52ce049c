package acquisition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"comity.example/comity/crypto/statement"
)

// strict reads one JSON value and refuses fields that v does not have.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// identified refuses an object without id and type. Objects are counted by that: of
// "{},{},{}" a hostile file of some MiB could hold millions, and take gigabytes here.
func identified(id, kind string) error {
	if len(id) != len("urn:uuid:00000000-0000-8000-8000-000000000000") || kind == "" {
		return fmt.Errorf("an object has the id %.50q and the type %.50q", id, kind)
	}
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *node) UnmarshalJSON(b []byte) error {
	type plain node
	if err := strict(b, (*plain)(n)); err != nil {
		return err
	}
	return identified(n.ID, n.Type)
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *facet) UnmarshalJSON(b []byte) error {
	type plain facet
	if err := strict(b, (*plain)(f)); err != nil {
		return err
	}
	return identified(f.ID, f.Type)
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *hash) UnmarshalJSON(b []byte) error {
	type plain hash
	if err := strict(b, (*plain)(h)); err != nil {
		return err
	}
	return identified(h.ID, h.Type)
}

// reader turns nodes into a record. It takes what it finds where Marshal puts it and
// no more: what it overlooks is missing from the bytes that Parse compares.
type reader struct {
	byID   map[string]*node
	images map[string]*Image // by the id of their node
	r      Record
}

func (d *document) record() (*Record, error) {
	x := reader{byID: make(map[string]*node, len(d.Graph)), images: map[string]*Image{}}
	for _, n := range d.Graph {
		if n == nil || x.byID[n.ID] != nil {
			return nil, fmt.Errorf("an object is null or stands twice")
		}
		x.byID[n.ID] = n
	}
	order := []string{} // of the images
	for _, n := range d.Graph {
		switch {
		case n.Type == "case-investigation:Investigation":
			x.r.Case = n.Name
		case n.Type == "uco-identity:Person":
			x.r.Examiner = n.Name
		case n.Type == "uco-observable:File" && n.Name == "":
			x.file(n)
		case n.Type == "uco-observable:Image":
			order = append(order, n.ID)
			x.images[n.ID] = &Image{Format: x.facet(n, "uco-observable:ImageFacet").Format, Findings: n.Description, Media: x.hashes(n)}
		case n.Type == "uco-observable:ObservableRelationship":
			if m := x.images[n.Source]; m != nil {
				m.Segments = append(m.Segments, x.path(n.Target))
			}
		case n.Type == "case-investigation:InvestigativeAction" && n.Name == nameAcquisition:
			if err := x.acquisition(n); err != nil {
				return nil, err
			}
		case n.Type == "case-investigation:InvestigativeAction":
			if err := x.assertion(n); err != nil {
				return nil, err
			}
		}
	}
	for _, id := range order {
		x.r.Images = append(x.r.Images, *x.images[id])
	}
	return &x.r, nil
}

// node returns the node of an id; an empty one if there is none.
func (x *reader) node(id string) *node {
	if n := x.byID[id]; n != nil {
		return n
	}
	return &node{}
}

// first is the node of the first id.
func (x *reader) first(ids []string) *node {
	if len(ids) == 0 {
		return &node{}
	}
	return x.node(ids[0])
}

// facet returns the first facet of a type; an empty one if there is none.
func (x *reader) facet(n *node, kind string) *facet {
	for _, f := range n.Facets {
		if f != nil && f.Type == kind {
			return f
		}
	}
	return &facet{}
}

func (x *reader) path(id string) string {
	return x.facet(x.node(id), "uco-observable:FileFacet").Path
}

func (x *reader) hashes(n *node) (h Hashes) {
	for _, v := range x.facet(n, "uco-observable:ContentDataFacet").Hashes {
		if v != nil {
			h.set(v.Method, v.Value)
		}
	}
	return h
}

// set takes a hash under the name that UCO has for it; others are overlooked.
func (h *Hashes) set(method, value string) {
	switch method {
	case "MD5":
		h.MD5 = value
	case "SHA1":
		h.SHA1 = value
	case "SHA256":
		h.SHA256 = value
	}
}

func (x *reader) file(n *node) {
	f := x.facet(n, "uco-observable:FileFacet")
	size := int64(-1)
	if f.Size != nil {
		size = *f.Size
	}
	x.r.Files = append(x.r.Files, File{Path: f.Path, Size: size, Hashes: x.hashes(n), Notes: strings.Join(n.Description, "\n")})
}

func (x *reader) acquisition(n *node) error {
	a := Acquisition{Place: x.node(n.Location).Name, Notes: strings.Join(n.Description, "\n"), Device: *x.device(x.first(n.On))}
	a.Tool = Tool{Name: x.first(n.Instrument).Name, Version: x.first(n.Instrument).Version}
	if len(n.Instrument) > 1 {
		a.WriteBlocker = x.device(x.node(n.Instrument[1]))
	}
	if err := errors.Join(readTime(&a.Started, n.Start), readTime(&a.Ended, n.End)); err != nil {
		return err
	}
	for _, id := range n.Result {
		if e := x.node(id).Exhibit; e != "" {
			a.Exhibit = e
			continue
		}
		a.Files = append(a.Files, x.path(id))
	}
	if x.r.Laboratory == "" {
		x.r.Laboratory = x.first(n.Participant).Name
	}
	x.r.Acquisitions = append(x.r.Acquisitions, a)
	return nil
}

func readTime(t *statement.Time, s string) error {
	if s == "" {
		return nil
	}
	return t.UnmarshalText([]byte(s))
}

func (x *reader) device(n *node) *Device {
	f := x.facet(n, "uco-observable:DeviceFacet")
	return &Device{Kind: f.Kind, Make: x.node(f.Make).Name, Model: f.Model, Serial: f.Serial,
		IMEI: x.facet(n, "uco-observable:MobileDeviceFacet").IMEI}
}

func (x *reader) assertion(n *node) error {
	program, said := x.first(n.Instrument), x.first(n.Result)
	a := Assertion{Program: program.Name, Exit: -2}
	if m := x.images[x.first(n.On).ID]; m != nil && len(m.Segments) > 0 {
		a.Segment = m.Segments[0]
	}
	var err error
	if a.SHA256, err = statement.ParseDigest(x.hashes(program).SHA256); err != nil {
		return err
	}
	for _, s := range said.Statement {
		if exit, ok := strings.CutPrefix(s, "exit status "); ok {
			if a.Exit, err = strconv.ParseInt(exit, 10, 64); err != nil {
				return fmt.Errorf("exit status %q is no number", exit)
			}
			continue
		}
		method, value, _ := strings.Cut(s, " ")
		a.Media.set(method, value)
	}
	x.r.Assertions = append(x.r.Assertions, a)
	return nil
}
