package dossier

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/custody/dossier/documents"
)

const (
	dossierType = "comity/dossier/v1"

	checkpointName  = "checkpoint"
	dossierName     = "dossier.json"
	entryName       = "entry.json"
	envelopeName    = "envelope.json"
	gapName         = "gap.json"
	proofName       = "proof"
	saltName        = "salt"
	statementName   = "statement.json"
	innerName       = "inner.json"
	indexName       = "index.txt"
	manifestName    = "manifest-sha256.txt"
	tagManifestName = "tagmanifest-sha256.txt"
	acquisitionName = "acquisition.jsonld"

	requestFolder = "request"
	maxEntries    = 1_000_000 // what six digits count
	maxManifest   = bag.MaxNames
)

// maxSizeOf returns the largest size in bytes of a file of that name; 0 for a
// name that no dossier has.
func maxSizeOf(name string) int64 {
	if slices.Contains(documents.Names(), name) {
		return documents.MaxSize
	}
	if most := earlierSize(name); most > 0 {
		return most
	}
	switch path.Base(name) {
	case checkpointName:
		return translog.MaxCheckpointBytes
	case envelopeName, statementName:
		return statement.MaxEnvelope
	case entryName:
		return 1 << 20
	case dossierName, gapName, proofName, saltName, tagManifestName:
		return 8 << 10
	case renewalName:
		return timestamp.MaxBytes
	case innerName:
		return custody.MaxInner
	case manifestName:
		return maxManifest
	case indexName:
		return MaxIndex
	}
	return 0
}

// index is dossier.json. It holds nothing that the rest does not prove.
type index struct {
	Type      string `json:"_type"`
	Relay     string `json:"relay"`
	Request   string `json:"request"`
	Documents string `json:"documents,omitempty"` // the form of the rendered ones
}

// files returns the files of a dossier in bytewise order of their names.
func (d *Dossier) files() ([]file, error) {
	if err := errors.Join(custody.CheckOrigin(d.Relay), custody.CheckID(d.Request)); err != nil {
		return nil, err
	}
	form, list := d.Documents.files()
	list = append(list, file{checkpointName, d.Checkpoint}, file{dossierName, statement.Encode(index{dossierType, d.Relay, d.Request, form})})
	early, err := d.earlier()
	if err != nil {
		return nil, err
	}
	list = append(list, early...)
	renewals, err := d.renewals()
	if err != nil {
		return nil, err
	}
	list = append(list, renewals...)
	for id, lines := range d.Records {
		folder, err := d.folder(id)
		if err != nil {
			return nil, err
		}
		if len(lines) > maxEntries {
			return nil, fmt.Errorf("record %q has %d entries, more than %d", id, len(lines), maxEntries)
		}
		for seq, l := range lines {
			fs, err := l.files(fmt.Sprintf("records/%s/%06d/", folder, seq))
			if err != nil {
				return nil, fmt.Errorf("entry %d of record %q: %w", seq, id, err)
			}
			list = append(list, fs...)
		}
	}
	for id, c := range d.Packages {
		if err := custody.CheckID(id); err != nil {
			return nil, err
		}
		at := "packages/" + id + "/"
		list = append(list, file{at + innerName, c.Inner}, file{at + manifestName, c.Manifest}, file{at + tagManifestName, c.TagManifest})
		if len(c.Index) > 0 {
			list = append(list, file{at + indexName, c.Index})
		}
	}
	for _, f := range list {
		if int64(len(f.data)) > maxSizeOf(f.name) {
			return nil, fmt.Errorf("%q has %d bytes, more than %d", f.name, len(f.data), maxSizeOf(f.name))
		}
	}
	slices.SortFunc(list, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// files returns the form of the documents and their files; nothing of none.
func (x *Documents) files() (form string, list []file) {
	if x == nil {
		return "", nil
	}
	for _, name := range documents.Names() {
		list = append(list, file{name, x.Files[name]})
	}
	return x.Form, list
}

// folder returns the folder of a record, one path segment.
func (d *Dossier) folder(id custody.RecordID) (string, error) {
	switch {
	case id == custody.RelayRecord:
		return "relay", nil
	case string(id) == d.Request:
		return requestFolder, nil
	case custody.CheckAuthority(id.Authority()) == nil:
		return "authority-" + id.Authority(), nil
	}
	return "", fmt.Errorf("record %q does not belong into the dossier of request %q", id, d.Request)
}

// files returns the five files of an entry, the three of an event, which has no
// statement, or the two of a gap.
func (l *Line) files(at string) ([]file, error) {
	if g := l.Gap; g != nil {
		return []file{{at + gapName, g.Marshal()}, {at + proofName, l.proof()}}, errors.Join(l.bare(), g.Check())
	}
	list := []file{{at + entryName, l.Entry}, {at + proofName, l.proof()}, {at + saltName, []byte(l.Salt.String() + "\n")}}
	if len(l.Envelope) == 0 {
		return list, nil
	}
	env, err := statement.Parse(l.Envelope)
	if err != nil {
		return nil, err
	}
	return append(list, file{at + envelopeName, l.Envelope}, file{at + statementName, env.Payload}), nil
}

// bare: a gap has nothing beside it of the entry in whose place it stands.
func (l *Line) bare() error {
	if len(l.Entry)+len(l.Envelope) > 0 || !l.Salt.IsZero() {
		return errors.New("a gap stands beside what it says is not shown")
	}
	return nil
}

func (l *Line) proof() []byte {
	return hashLines(fmt.Appendf(nil, "index %d\n", l.Index), l.Proof)
}

// parse builds a dossier from its files. What it lets pass, a file twice, a gap,
// another spelling, shows when the dossier is encoded again.
func parse(files []file) (*Dossier, error) {
	d := &Dossier{Records: map[custody.RecordID][]Line{}, Packages: map[string]Contents{}, Earlier: map[int64]Earlier{}}
	for _, f := range files {
		if f.name != dossierName {
			continue
		}
		var x index
		if err := statement.Decode(f.data, &x); err != nil {
			return nil, fmt.Errorf("%q: %v", dossierName, err)
		}
		if x.Type != dossierType {
			return nil, fmt.Errorf("%q: unknown _type %q", dossierName, x.Type)
		}
		d.Relay, d.Request = x.Relay, x.Request
		if x.Documents != "" {
			d.Documents = &Documents{x.Documents, map[string][]byte{}}
		}
	}
	if d.Relay == "" {
		return nil, fmt.Errorf("there is no %q", dossierName)
	}
	for _, f := range files {
		if err := d.put(f); err != nil {
			return nil, fmt.Errorf("%q: %v", f.name, err)
		}
	}
	return d, nil
}

var errName = errors.New("a dossier has no such file")

// put stores one file at its place.
func (d *Dossier) put(f file) error {
	p := strings.Split(f.name, "/")
	switch {
	case f.name == checkpointName:
		d.Checkpoint = f.data
	case f.name == dossierName:
	case d.Documents != nil && slices.Contains(documents.Names(), f.name):
		d.Documents.Files[f.name] = f.data
	case len(p) == 2 && p[0] == checkpointsFolder:
		return d.putCheckpoint(p[1], f.data)
	case len(p) == 2 && p[0] == tokensFolder:
		return d.putToken(p[1], f.data)
	case len(p) == 3 && p[0] == renewalsFolder:
		return d.putRenewal(p[1], p[2], f.data)
	case len(p) == 3 && p[0] == "packages":
		return d.putContents(p[1], p[2], f.data)
	case len(p) == 4 && p[0] == "records":
		return d.putLine(p[1], p[2], p[3], f.data)
	default:
		return errName
	}
	return nil
}

func (d *Dossier) putContents(id, name string, data []byte) error {
	c := d.Packages[id]
	switch name {
	case innerName:
		c.Inner = data
	case manifestName:
		c.Manifest = data
	case tagManifestName:
		c.TagManifest = data
	case indexName:
		c.Index = data
	default:
		return errName
	}
	d.Packages[id] = c
	return nil
}

func (d *Dossier) putLine(folder, seq, name string, data []byte) error {
	id := custody.RecordID(folder) // relay
	if a, ok := strings.CutPrefix(folder, "authority-"); ok {
		id = custody.AuthorityRecord(a)
	} else if folder == requestFolder {
		id = custody.RecordID(d.Request)
	}
	lines := d.Records[id]
	n, err := strconv.Atoi(seq)
	if err != nil || n < 0 || n > len(lines) {
		return errors.New("entries must be numbered from 000000 without a gap")
	}
	if n == len(lines) {
		lines = append(lines, Line{})
	}
	if err := lines[n].put(name, data); err != nil {
		return err
	}
	d.Records[id] = lines
	return nil
}

func (l *Line) put(name string, data []byte) (err error) {
	switch name {
	case entryName:
		l.Entry = data
	case envelopeName:
		l.Envelope = data
	case proofName:
		l.Index, l.Proof, err = parseProof(string(data))
	case saltName:
		l.Salt, err = statement.ParseDigest(strings.TrimSuffix(string(data), "\n"))
	case gapName:
		l.Gap, err = custody.ParseGap(data)
	case statementName: // derived from the envelope; the comparison is exact
	default:
		return errName
	}
	return err
}

func parseProof(text string) (at int64, proof []tlog.Hash, err error) {
	line, rest, _ := strings.Cut(text, "\n")
	first, ok := strings.CutPrefix(line, "index ")
	if at, err = strconv.ParseInt(first, 10, 64); !ok || err != nil {
		return 0, nil, fmt.Errorf("malformed proof: first line %.40q", line)
	}
	proof, err = parseHashes(rest)
	return at, proof, err
}
