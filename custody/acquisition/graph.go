package acquisition

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody/bag"
)

// context is the JSON-LD context, the same in every file. It maps prefixes to the
// namespaces of CASE and UCO 1.3.0, which both projects publish under the Apache
// License 2.0, and says of which type each value is. Nothing in it is fetched.
//
//go:embed context.json
var context []byte

// document is acquisition.jsonld.
type document struct {
	Context json.RawMessage `json:"@context"`
	Graph   []*node         `json:"@graph"`
}

// node is one object of the graph: the union of all that are used, in the order in
// which they are printed.
type node struct {
	ID          string   `json:"@id"`
	Type        string   `json:"@type"`
	Name        string   `json:"uco-core:name,omitempty"`
	Description []string `json:"uco-core:description,omitempty"`
	Statement   []string `json:"uco-core:statement,omitempty"`
	Object      []string `json:"uco-core:object,omitempty"`
	Exhibit     string   `json:"case-investigation:exhibitNumber,omitempty"`
	Version     string   `json:"uco-tool:version,omitempty"`
	Performer   string   `json:"uco-action:performer,omitempty"`
	Participant []string `json:"uco-action:participant,omitempty"`
	Instrument  []string `json:"uco-action:instrument,omitempty"`
	Location    string   `json:"uco-action:location,omitempty"`
	Start       string   `json:"uco-action:startTime,omitempty"`
	End         string   `json:"uco-action:endTime,omitempty"`
	On          []string `json:"uco-action:object,omitempty"`
	Result      []string `json:"uco-action:result,omitempty"`
	Source      string   `json:"uco-core:source,omitempty"`
	Target      string   `json:"uco-core:target,omitempty"`
	Kind        string   `json:"uco-core:kindOfRelationship,omitempty"`
	Directional bool     `json:"uco-core:isDirectional,omitempty"`
	Facets      []*facet `json:"uco-core:hasFacet,omitempty"`
}

// facet is a group of properties of one object.
type facet struct {
	ID     string   `json:"@id"`
	Type   string   `json:"@type"`
	Kind   string   `json:"uco-observable:deviceType,omitempty"`
	Make   string   `json:"uco-observable:manufacturer,omitempty"`
	Model  string   `json:"uco-observable:model,omitempty"`
	Serial string   `json:"uco-observable:serialNumber,omitempty"`
	IMEI   []string `json:"uco-observable:IMEI,omitempty"`
	Name   string   `json:"uco-observable:fileName,omitempty"`
	Path   string   `json:"uco-observable:filePath,omitempty"`
	Size   *int64   `json:"uco-observable:sizeInBytes,omitempty"`
	Format string   `json:"uco-observable:imageType,omitempty"`
	Index  *int64   `json:"uco-observable:fragmentIndex,omitempty"`
	Total  *int64   `json:"uco-observable:totalFragments,omitempty"`
	Hashes []*hash  `json:"uco-observable:hash,omitempty"`
}

type hash struct {
	ID     string `json:"@id"`
	Type   string `json:"@type"`
	Method string `json:"uco-types:hashMethod"`
	Value  string `json:"uco-types:hashValue"`
}

// The names by which the reader knows what a node is for.
const (
	nameAcquisition  = "acquisition"
	nameVerification = "verification by a program on the sender's machine: an assertion, not proved"
	nameImage        = "forensic image"
)

// Marshal returns acquisition.jsonld. The same record gives the same bytes.
func Marshal(r *Record) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("writing acquisition record: %w", err)
	}
	g := grapher{seed: sha256.Sum256(append([]byte("comity/acquisition/v1\x00"), statement.Encode(r)...))}
	g.record(r)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(document{Context: context, Graph: g.nodes}); err != nil {
		return nil, fmt.Errorf("writing acquisition record: %w", err)
	}
	if b.Len() > bag.MaxAcquisition {
		return nil, fmt.Errorf("writing acquisition record: %d bytes, at most %d are allowed: send it in several packages", b.Len(), bag.MaxAcquisition)
	}
	return b.Bytes(), nil
}

// Parse reads acquisition.jsonld: exactly what Marshal writes, nothing else.
func Parse(b []byte) (*Record, error) {
	if len(b) > bag.MaxAcquisition {
		return nil, fmt.Errorf("reading acquisition record: %d bytes, at most %d are allowed", len(b), bag.MaxAcquisition)
	}
	var d document
	if err := strict(b, &d); err != nil {
		return nil, fmt.Errorf("reading acquisition record: %v", err)
	}
	r, err := d.record()
	if err != nil {
		return nil, fmt.Errorf("reading acquisition record: %w", err)
	}
	// One rule for names, order, escapes, ids and white space: only our own form counts.
	again, err := Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("reading acquisition record: %w", err)
	}
	if !bytes.Equal(again, b) {
		return nil, errors.New("reading acquisition record: is not in the form of this format")
	}
	return r, nil
}

// grapher turns a record into nodes.
type grapher struct {
	seed  [32]byte
	count uint64
	nodes []*node
	files map[string]string // path to id
}

// id returns the next id: a UUID of version 8 (RFC 9562, section 5.8) from the hash of
// the record and a counter. Nodes of different records have different ids, so that
// graphs can be merged; blank nodes are none of UCO's.
func (g *grapher) id() string {
	g.count++
	h := sha256.Sum256(binary.BigEndian.AppendUint64(g.seed[:], g.count))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// add gives a node its id and place.
func (g *grapher) add(n *node) string {
	n.ID = g.id()
	g.nodes = append(g.nodes, n)
	return n.ID
}

// named adds a node that has a name only; "" for no name.
func (g *grapher) named(kind, name string) string {
	if name == "" {
		return ""
	}
	return g.add(&node{Type: kind, Name: name})
}

func (g *grapher) record(r *Record) {
	whole := &node{Type: "case-investigation:Investigation", Name: r.Case}
	g.add(whole)
	examiner := g.named("uco-identity:Person", r.Examiner)
	lab := g.named("uco-identity:Organization", r.Laboratory)
	g.files = make(map[string]string, len(r.Files))
	for i := range r.Files {
		g.file(&r.Files[i])
	}
	for i := range r.Acquisitions {
		whole.Object = append(whole.Object, g.acquisition(&r.Acquisitions[i], examiner, lab))
	}
	images := map[string]string{} // first segment to id
	for i := range r.Images {
		images[r.Images[i].Segments[0]] = g.image(&r.Images[i])
	}
	for i := range r.Assertions {
		a := &r.Assertions[i]
		whole.Object = append(whole.Object, g.assertion(a, images[a.Segment]))
	}
}

func (g *grapher) file(f *File) {
	size := f.Size
	n := &node{Type: "uco-observable:File", Description: lines(f.Notes), Facets: []*facet{
		{ID: g.id(), Type: "uco-observable:FileFacet", Name: path.Base(f.Path), Path: f.Path, Size: &size},
	}}
	n.Facets = append(n.Facets, g.content(f.Hashes)...)
	g.files[f.Path] = g.add(n)
}

// content is the facet with hashes of content, if one is known.
func (g *grapher) content(h Hashes) []*facet {
	if h.IsZero() {
		return nil
	}
	f := &facet{ID: g.id(), Type: "uco-observable:ContentDataFacet"}
	for method, value := range h.each() {
		f.Hashes = append(f.Hashes, &hash{ID: g.id(), Type: "uco-types:Hash", Method: method, Value: value})
	}
	return []*facet{f}
}

func (g *grapher) acquisition(a *Acquisition, examiner, lab string) string {
	n := &node{Type: "case-investigation:InvestigativeAction", Name: nameAcquisition, Description: lines(a.Notes),
		Performer: examiner, Participant: lines(lab)}
	n.Instrument = []string{g.add(&node{Type: "uco-tool:Tool", Name: a.Tool.Name, Version: a.Tool.Version})}
	if a.WriteBlocker != nil {
		n.Instrument = append(n.Instrument, g.device(a.WriteBlocker))
	}
	n.Location = g.named("uco-location:Location", a.Place)
	n.Start, n.End = when(a.Started), when(a.Ended)
	n.On = []string{g.device(&a.Device)}
	for _, p := range a.Files {
		n.Result = append(n.Result, g.files[p])
	}
	if a.Exhibit != "" {
		n.Result = append(n.Result, g.add(&node{Type: "case-investigation:ProvenanceRecord", Exhibit: a.Exhibit,
			Object: append(append([]string{}, n.On...), n.Result...)}))
	}
	return g.add(n)
}

func (g *grapher) device(d *Device) string {
	f := &facet{ID: g.id(), Type: "uco-observable:DeviceFacet", Kind: d.Kind, Model: d.Model, Serial: d.Serial,
		Make: g.named("uco-identity:Organization", d.Make)}
	n := &node{Type: "uco-observable:Device", Facets: []*facet{f}}
	if len(d.IMEI) > 0 {
		n.Type = "uco-observable:MobileDevice"
		n.Facets = append(n.Facets, &facet{ID: g.id(), Type: "uco-observable:MobileDeviceFacet", IMEI: d.IMEI})
	}
	return g.add(n)
}

func (g *grapher) image(m *Image) string {
	n := &node{Type: "uco-observable:Image", Name: nameImage, Description: m.Findings, Facets: []*facet{
		{ID: g.id(), Type: "uco-observable:ImageFacet", Format: m.Format},
	}}
	n.Facets = append(n.Facets, g.content(m.Media)...)
	id := g.add(n)
	total := int64(len(m.Segments))
	for i, p := range m.Segments {
		index := int64(i)
		g.add(&node{Type: "uco-observable:ObservableRelationship", Source: id, Target: g.files[p], Kind: "Has_Fragment", Directional: true,
			Facets: []*facet{{ID: g.id(), Type: "uco-observable:FragmentFacet", Index: &index, Total: &total}}})
	}
	return id
}

// assertion adds the act of the program, the program, and what it said, apart from
// what the examiner says of the image.
func (g *grapher) assertion(a *Assertion, image string) string {
	said := []string{"exit status " + strconv.FormatInt(a.Exit, 10)}
	for method, value := range a.Media.each() {
		said = append(said, method+" "+value)
	}
	program := g.add(&node{Type: "uco-observable:File", Name: a.Program, Facets: g.content(Hashes{SHA256: a.SHA256.String()})})
	result := g.add(&node{Type: "uco-core:Annotation", Statement: said, Object: []string{image}})
	return g.add(&node{Type: "case-investigation:InvestigativeAction", Name: nameVerification,
		Instrument: []string{program}, On: []string{image}, Result: []string{result}})
}

// lines is a list of one text, or of none.
func lines(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func when(t statement.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.String()
}
