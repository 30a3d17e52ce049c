package documents

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path"

	"comity.example/comity/custody"
	"comity.example/comity/custody/display"
)

// context maps prefixes to the namespaces of CASE and UCO 1.3.0, which both projects
// publish under the Apache License 2.0. It stands in the file: nothing is fetched.
//
//go:embed context.json
var context []byte

// node is one object of the graph: the union of all that are used, in the order in
// which they are printed.
type node struct {
	ID          string   `json:"@id"`
	Type        string   `json:"@type"`
	Name        string   `json:"uco-core:name,omitempty"`
	Description []string `json:"uco-core:description,omitempty"`
	Object      []string `json:"uco-core:object,omitempty"`
	Exhibit     string   `json:"case-investigation:exhibitNumber,omitempty"`
	Performer   string   `json:"uco-action:performer,omitempty"`
	Participant []string `json:"uco-action:participant,omitempty"`
	Instrument  []string `json:"uco-action:instrument,omitempty"`
	Start       string   `json:"uco-action:startTime,omitempty"`
	End         string   `json:"uco-action:endTime,omitempty"`
	On          []string `json:"uco-action:object,omitempty"`
	Result      []string `json:"uco-action:result,omitempty"`
	Informant   []string `json:"case-investigation:wasInformedBy,omitempty"`
	Facets      []*facet `json:"uco-core:hasFacet,omitempty"`
}

// facet is a group of properties of one object.
type facet struct {
	ID     string `json:"@id"`
	Type   string `json:"@type"`
	Name   string `json:"uco-observable:fileName,omitempty"`
	Path   string `json:"uco-observable:filePath,omitempty"`
	Size   *int64 `json:"uco-observable:sizeInBytes,omitempty"`
	Hashes []*sum `json:"uco-observable:hash,omitempty"`
}

type sum struct {
	ID     string `json:"@id"`
	Type   string `json:"@type"`
	Method string `json:"uco-types:hashMethod"`
	Value  string `json:"uco-types:hashValue"`
}

// grapher turns facts into nodes.
type grapher struct {
	seed    [32]byte
	count   uint64
	nodes   []*node
	parties map[string]string         // by name, to id
	acts    map[custody.Digest]string // by statement, to id
}

// id returns the next id: a UUID of version 8 (RFC 9562, section 5.8) from the request,
// the state of the log, and a counter. Graphs of different dossiers can be merged.
func (g *grapher) id() string {
	g.count++
	h := sha256.Sum256(binary.BigEndian.AppendUint64(g.seed[:], g.count))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func (g *grapher) add(n *node) string {
	n.ID = g.id()
	g.nodes = append(g.nodes, n)
	return n.ID
}

// party is an authority, a relay, or a role at one: never a person.
func (g *grapher) party(name string) string {
	id, ok := g.parties[name]
	if !ok {
		kind := "uco-identity:Organization"
		if r := custody.PartyID(name).Role(); r != "" {
			kind = "uco-role:Role"
		}
		id = g.add(&node{Type: kind, Name: name})
		g.parties[name] = id
	}
	return id
}

func (g *grapher) hashed(sha256 string) []*facet {
	return []*facet{{ID: g.id(), Type: "uco-observable:ContentDataFacet", Hashes: []*sum{{g.id(), "uco-types:Hash", "SHA256", sha256}}}}
}

// caseGraph is case.jsonld: each act as an investigative action, each package and each
// listed file as an observable, each transfer of possession as a provenance record.
func caseGraph(f *Facts) []byte {
	seed := fmt.Sprintf("%s\x00%s\x00%s\x00%d\x00%s", Version, f.Request, f.Relay.Name, f.Checkpoint.Size, f.Checkpoint.Root)
	g := &grapher{seed: sha256.Sum256([]byte(seed)), parties: map[string]string{}, acts: map[custody.Digest]string{}}
	whole := &node{Type: "case-investigation:Investigation", Name: f.subject(), Description: append([]string{notProof, "times: " + f.Times, "completeness: " + f.Complete}, append(prefixed("to know: ", f.Notes), prefixed("not proved: ", f.NotProved)...)...)}
	g.add(whole)
	packages := map[string]string{}
	for i := range f.Packages {
		p := &f.Packages[i]
		id, files := g.pack(p)
		packages[p.State.Package] = id
		whole.Object = append(whole.Object, g.add(&node{Type: "case-investigation:ProvenanceRecord", Name: "package " + p.State.Package + " and the files in it, by the sender's signed word",
			Description: p.provenance(f), Exhibit: p.State.Package, Object: append([]string{id}, files...)}))
	}
	of := f.packageOf()
	for i := range f.Acts {
		whole.Object = append(whole.Object, g.act(f, &f.Acts[i], packages[of[f.Acts[i].Seq]]))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(struct {
		Context json.RawMessage `json:"@context"`
		Graph   []*node         `json:"@graph"`
	}{context, g.nodes}); err != nil {
		panic("documents: internal error: " + err.Error()) // strings and numbers alone
	}
	return []byte(display.JSON(b.String()))
}

func prefixed(with string, list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, with+s)
	}
	return out
}

// provenance tells who had a package when.
func (p *Package) provenance(f *Facts) []string {
	list := []string{}
	if p.Opened == nil {
		list = append(list, notKnown)
	} else if !p.listed {
		list = append(list, p.notListed())
	}
	if p.Why != "" {
		list = append(list, p.Stands+": "+p.Why)
	}
	return append(list, p.fate(f)...)
}

// pack adds a package as it was sealed, and the files in it.
func (g *grapher) pack(p *Package) (id string, files []string) {
	s := p.State
	size := s.PayloadSize
	id = g.add(&node{Type: "uco-observable:File", Name: "sealed package " + s.Package, Description: []string{
		"root over the SHA-256 of its parts (RFC 6962): " + s.PayloadRoot.String(), "SHA-256 of its head: " + s.HeadSHA256.String()},
		Facets: []*facet{{ID: g.id(), Type: "uco-observable:FileFacet", Name: s.Package, Size: &size}}})
	if p.Opened == nil || !p.listed {
		return id, nil
	}
	for l := range p.Lines {
		ff := &facet{ID: g.id(), Type: "uco-observable:FileFacet", Name: path.Base(l.Path), Path: l.Path}
		if l.Size >= 0 {
			n := l.Size
			ff.Size = &n
		}
		files = append(files, g.add(&node{Type: "uco-observable:File", Description: []string{l.Stands},
			Facets: append([]*facet{ff}, g.hashed(fmt.Sprintf("%x", l.Sum))...)}))
	}
	return id, files
}

// packageOf tells of which package an act is, by its place in the request's record.
func (f *Facts) packageOf() map[int64]string {
	of := map[int64]string{}
	for i := range f.Acts {
		if a := &f.Acts[i]; a.Package != "" {
			of[a.Seq] = a.Package
		}
	}
	return of
}

// act adds one entry. What passes a package on is named as such: a release moves its
// possession to the recipient, a seal to the relay.
func (g *grapher) act(f *Facts, a *Act, on string) string {
	n := &node{Type: "case-investigation:InvestigativeAction", Name: string(a.Kind), Description: []string{a.Says, a.Signed},
		Performer: g.party(a.By), Start: a.Time.String(), End: a.Time.String()}
	switch a.Kind {
	case custody.KindSeal:
		n.Description = append(n.Description, "transfer of possession: the sealed bytes to the relay")
		n.Participant = append(n.Participant, g.party(f.Relay.Name))
	case custody.KindUnlock:
		n.Description = append(n.Description, "transfer of possession: the head to the relay, for the recipients")
		n.Participant = append(n.Participant, g.party(f.Relay.Name))
	case custody.KindRelease:
		n.Description = append(n.Description, "transfer of possession: the package to the recipient")
	}
	for _, s := range a.Signers {
		if string(s) != a.By {
			n.Participant = append(n.Participant, g.party(string(s)))
		}
	}
	if on != "" {
		n.On = []string{on}
	}
	if !a.Statement.IsZero() {
		n.Instrument = []string{g.add(&node{Type: "uco-observable:File", Name: "signed statement: " + string(a.Kind), Facets: g.hashed(a.Statement.String())})}
	}
	for _, d := range a.Rests {
		if id := g.acts[d]; id != "" {
			n.Informant = append(n.Informant, id)
		}
	}
	id := g.add(n)
	if !a.Statement.IsZero() {
		g.acts[a.Statement] = id
	}
	return id
}
