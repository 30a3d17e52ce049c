package agent

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/wire"
)

// Indexed is what the index of a home says of a request. It was replayed and proven when
// it was written; the log is asked each time whether it is still the newest.
type Indexed struct {
	Request    string       `json:"request"`
	Reference  string       `json:"reference,omitempty"`
	Learned    bool         `json:"learned"` // the annex was asked for the reference
	From       string       `json:"from"`
	To         string       `json:"to"`
	Categories []string     `json:"categories"`
	Urgency    string       `json:"urgency"`
	Filed      custody.Time `json:"filed"`
	Expires    custody.Time `json:"expires"`
	States     []StateFrom  `json:"states"`          // oldest first; the first from the beginning of time
	Grant      *Expiry      `json:"grant,omitempty"` // when its grant ends, if something under it waits

	Tail tail `json:"tail"`
}

// StateFrom is where a request stands from a moment on, if nothing more happens.
type StateFrom struct {
	From  custody.Time `json:"from,omitzero"`
	State string       `json:"state"`
}

// State says where the request stands at a time.
func (x *Indexed) State(now time.Time) (state string) {
	for _, s := range x.States {
		if s.From.IsZero() || !now.Before(s.From.Time()) {
			state = s.State
		}
	}
	return state
}

// tail is the end of a record: by it the log is asked whether there is more.
type tail struct {
	First   custody.Digest `json:"first"` // payload hash of the first statement: makes the tag
	Entries int64          `json:"entries"`
	Last    custody.Digest `json:"last"` // salted hash of the last entry
}

func tailOf(r *custody.Record) tail { return tail{r.First(), r.Len(), r.Tip().Leaf} }

// Held is a suspension in force of all transfers between two authorities.
type Held struct {
	By     string       `json:"by"`
	With   string       `json:"with"`
	Since  custody.Time `json:"since"`
	Reason string       `json:"reason"`
}

// Index is the requests of this authority as of a checkpoint, and what suspends them.
//
// It is kept in the home, so that a list of ten thousand reads little. It only ever
// serves to show lists: whoever decides, signs, sends or reports replays the record. A
// file that is stale costs reading what is new; one that is damaged, or of another version,
// is made again. Who can write in the home can have a list show what is not true, as it
// could with the program.
type Index struct {
	Version    int                   `json:"version"`
	Relay      string                `json:"relay"`
	Checkpoint custody.CheckpointRef `json:"checkpoint"`
	Cursor     string                `json:"cursor"` // of the relay's list of changes
	Public     map[string]tail       `json:"public"` // records of the authorities that are named here
	Suspended  []Held                `json:"suspended"`
	Requests   []*Indexed            `json:"-"` // by id
	by         map[string]*Indexed
	tags       map[translog.Tag]*agreement // of all records above, while the log is read
	annexes    map[string]custody.AnnexRef // of requests that were read just now
}

// Of lists the suspensions in force between two authorities.
func (x *Index) Of(a, b string) (list []Held) {
	for _, h := range x.Suspended {
		if h.By == a && h.With == b || h.By == b && h.With == a {
			list = append(list, h)
		}
	}
	return list
}

// StateFunc says where a case stands at a time. It may change only when the request or a
// grant expires, or a grant in an emergency lapses.
type StateFunc func(*custody.Case, time.Time) string

// Index brings the index of this home up to date with the newest checkpoint, and returns
// it. If the log has not grown, that is all it asks for; else it reads the log, finds by
// their tags the records that have grown, and reads and proves these and what is new. With
// fresh set it begins from nothing: the relay's list of changes is read from its
// beginning, in case it left something out.
//
// A request that this home never read, and cannot, is no part of it: the error says so, and
// the rest holds. Of one that was read before the error is all that is returned.
func (s *Session) Index(ctx context.Context, state StateFunc, fresh bool) (*Index, error) {
	x, err := s.loadIndex()
	if err != nil {
		s.agent.log.Warn("the index of requests is made again", "error", err)
	}
	if err != nil || fresh {
		x = &Index{Relay: s.Origin, Public: map[string]tail{}}
	}
	at, err := s.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	if ref := (custody.CheckpointRef{Size: at.Size, Root: custody.Digest(at.Root)}); x.Checkpoint == ref && !slices.ContainsFunc(x.Requests, unlearned) {
		return x, nil
	}
	partly, err := s.update(ctx, x, at, state)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(x.Requests, func(a, b *Indexed) int { return strings.Compare(a.Request, b.Request) })
	return x, errors.Join(partly, s.saveIndex(x))
}

func unlearned(r *Indexed) bool { return !r.Learned }

// update brings an index to a checkpoint. The first error is of requests that could not
// be read.
func (s *Session) update(ctx context.Context, x *Index, at seen, state StateFunc) (partly, err error) {
	x.begin()
	if err := s.prove(ctx, at, x.visit); err != nil {
		return nil, err
	}
	again, public := x.stale()
	cursor, err := s.changesAfter(ctx, x.Cursor, func(c wire.Change) {
		if isRequest(c.Record) && x.by[string(c.Record)] == nil {
			again[string(c.Record)] = true
		}
	})
	if err != nil {
		return nil, err
	}
	failed, err := s.indexEach(ctx, x, at, again, state)
	if err != nil {
		return nil, err
	}
	if public || len(again) > 0 {
		if err := s.hold(ctx, x); err != nil {
			return nil, err
		}
	}
	x.Checkpoint = custody.CheckpointRef{}
	if len(failed) == 0 && !x.lacks(again) { // else what is not here is asked for again
		x.Checkpoint, x.Cursor = custody.CheckpointRef{Size: at.Size, Root: custody.Digest(at.Root)}, cursor
	}
	return errors.Join(append(failed, s.learnAll(ctx, x)...)...), nil
}

// lacks reports whether one of these requests is not in the index: it began after the
// checkpoint.
func (x *Index) lacks(ids map[string]bool) bool {
	for id := range ids {
		if x.by[id] == nil {
			return true
		}
	}
	return false
}

func isRequest(id custody.RecordID) bool { return custody.CheckID(string(id)) == nil }

// agreement is how far the log, as it is read, agrees with what is kept of a record.
type agreement struct {
	tail    tail
	request string // empty of a public record
	seen    int64
	last    custody.Digest
}

func (x *Index) begin() {
	x.tags, x.by, x.annexes = map[translog.Tag]*agreement{}, map[string]*Indexed{}, map[string]custody.AnnexRef{}
	for _, r := range x.Requests {
		x.by[r.Request] = r
		x.tags[translog.NewTag(r.Tail.First)] = &agreement{tail: r.Tail, request: r.Request}
	}
	for _, t := range x.Public {
		x.tags[translog.NewTag(t.First)] = &agreement{tail: t}
	}
}

func (x *Index) visit(_ int64, leaf translog.Leaf) error {
	if c := x.tags[leaf.Tag]; c != nil {
		c.seen++
		c.last = leaf.Salted
	}
	return nil
}

// stale lists the requests of which the log has more, or something else, than is kept,
// and says whether a public record is so.
func (x *Index) stale() (requests map[string]bool, public bool) {
	requests = map[string]bool{}
	for _, c := range x.tags {
		switch {
		case c.seen == c.tail.Entries && c.last == c.tail.Last:
		case c.request == "":
			public = true
		default:
			requests[c.request] = true
		}
	}
	return requests, public
}

// indexEach reads and proves requests. One that cannot be verified, because its other
// authority is not pinned here, say, does not hide the rest.
func (s *Session) indexEach(ctx context.Context, x *Index, at seen, ids map[string]bool, state StateFunc) (failed []error, err error) {
	var list []string
	for id := range ids {
		list = append(list, id)
	}
	slices.Sort(list)
	add := func(snap *Snapshot, id string) error {
		r, err := s.indexed(snap, id, state)
		if err == nil {
			x.put(r)
			x.annexes[id] = snap.Case(id).Annex()
		}
		return err
	}
	for batch := range slices.Chunk(list, surveyed) {
		if _, err := s.Survey(ctx, at.Size, batch, add); err == nil {
			continue
		}
		for _, id := range batch { // find out which
			if _, err := s.Survey(ctx, at.Size, []string{id}, add); err != nil {
				if _, none := s.agent.home.caseOf(id); none == nil {
					return nil, fmt.Errorf("reading request %q: %w", id, err) // it was read before
				}
				x.drop(id)
				failed = append(failed, fmt.Errorf("reading request %q: %w", id, err))
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	return failed, nil
}

func (x *Index) put(r *Indexed) {
	x.drop(r.Request)
	x.by[r.Request] = r
	x.Requests = append(x.Requests, r)
}

func (x *Index) drop(id string) {
	if old := x.by[id]; old != nil {
		x.Requests = slices.DeleteFunc(x.Requests, func(r *Indexed) bool { return r == old })
		delete(x.by, id)
	}
}

// indexed says what is kept of a request in a snapshot.
func (s *Session) indexed(snap *Snapshot, id string, state StateFunc) (*Indexed, error) {
	c := snap.Case(id)
	entries, err := snap.entries(id)
	if err != nil {
		return nil, err
	}
	r := &Indexed{Request: id, From: c.From, To: c.To, Categories: c.Categories(),
		Filed: entries[0].Time, Expires: c.Expires(), States: states(c, state), Grant: GrantEnd(c, id[:8]), Tail: tailOf(snap.Book.Record(custody.RecordID(id)))}
	if c.Request != nil {
		r.Urgency = c.Request.Urgency
	}
	known, err := s.agent.home.caseOf(id)
	if err == nil {
		r.Reference, r.Learned = known.Reference, true
	}
	return r, nil
}

// states asks where a case stands before and after each date on which that may change.
func states(c *custody.Case, state StateFunc) []StateFrom {
	dates := []custody.Time{{}, c.Expires()}
	for _, g := range c.Grants {
		dates = append(dates, g.Terms.Expires)
		if g.InEmergency() {
			dates = append(dates, g.ValidateBy)
		}
	}
	slices.SortFunc(dates, func(a, b custody.Time) int { return a.Time().Compare(b.Time()) })
	var list []StateFrom
	for _, d := range dates {
		st := state(c, d.Time())
		if len(list) == 0 || list[len(list)-1].State != st {
			list = append(list, StateFrom{d, st})
		}
	}
	return list
}

// hold reads what is suspended between the authorities of the requests.
func (s *Session) hold(ctx context.Context, x *Index) error {
	names := map[string]bool{}
	for _, r := range x.Requests {
		names[r.From], names[r.To] = true, true
	}
	var list []string
	for n := range names {
		list = append(list, n)
	}
	slices.Sort(list)
	snap, err := s.Sync(ctx, "", list...)
	if err != nil {
		return err
	}
	x.Public, x.Suspended = map[string]tail{}, nil
	own := s.agent.home.Authority()
	for _, n := range list {
		if r := snap.Book.Record(custody.AuthorityRecord(n)); r != nil {
			x.Public[n] = tailOf(r)
		}
		if n == own {
			continue
		}
		for _, p := range snap.Book.View().Suspended(own, n) {
			x.Suspended = append(x.Suspended, Held{p.By, p.With, p.Time, p.Reason})
		}
	}
	return nil
}

// learnAll learns the references of requests that have none here yet.
func (s *Session) learnAll(ctx context.Context, x *Index) (failed []error) {
	for _, r := range x.Requests {
		if r.Learned || ctx.Err() != nil {
			continue
		}
		learn := s.learn
		if ref, ok := x.annexes[r.Request]; ok {
			learn = func(ctx context.Context, id string) error { return s.remember(ctx, id, ref) }
		}
		if err := learn(ctx, r.Request); err != nil {
			failed = append(failed, fmt.Errorf("reading the reference of request %q: %w", r.Request, err))
			continue
		}
		if known, err := s.agent.home.caseOf(r.Request); err == nil {
			r.Reference, r.Learned = known.Reference, true
		}
	}
	return failed
}

func (s *Session) indexPath() string { return s.relayPath("requests") }

// loadIndex reads the index: its SHA-256 in a line, what it is in a line, and a request in
// each further one. None is an empty index.
func (s *Session) loadIndex() (*Index, error) {
	data, err := os.ReadFile(s.indexPath())
	if errors.Is(err, fs.ErrNotExist) {
		return &Index{Relay: s.Origin, Public: map[string]tail{}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the index of requests: %w", err)
	}
	x, err := ParseIndex(data)
	if err == nil && x.Relay != s.Origin {
		err = fmt.Errorf("it is of relay %q", x.Relay)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the index of requests: %w", err)
	}
	return x, nil
}

// indexVersion changes with what is kept, or with what the states are called.
const indexVersion = 2

var errIndex = errors.New("the file is damaged")

// ParseIndex reads an index as Marshal wrote it. It refuses every other file.
func ParseIndex(data []byte) (*Index, error) {
	sum, rest, _ := bytes.Cut(data, []byte("\n"))
	if want := custody.HashOf(rest); string(sum) != hex.EncodeToString(want[:]) {
		return nil, errIndex
	}
	head, rest, _ := bytes.Cut(rest, []byte("\n"))
	x := new(Index)
	if err := json.Unmarshal(head, x); err != nil {
		return nil, err
	}
	if x.Version != indexVersion {
		return nil, fmt.Errorf("it is of version %d, not %d", x.Version, indexVersion)
	}
	for l := range bytes.Lines(rest) {
		r := new(Indexed)
		if err := json.Unmarshal(l, r); err != nil {
			return nil, err
		}
		x.Requests = append(x.Requests, r)
	}
	return x, nil
}

func (s *Session) saveIndex(x *Index) error {
	data, err := x.Marshal()
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(filepath.Dir(s.indexPath()), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(s.indexPath(), data, 0o600)
}

// Marshal writes an index: the SHA-256 of the rest in hexadecimal, what it is, and each of
// its requests, a line each.
func (x *Index) Marshal() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	x.Version = indexVersion
	if err := e.Encode(x); err != nil {
		return nil, err
	}
	for _, r := range x.Requests {
		if err := e.Encode(r); err != nil {
			return nil, err
		}
	}
	sum := custody.HashOf(b.Bytes())
	return append([]byte(hex.EncodeToString(sum[:])+"\n"), b.Bytes()...), nil
}
