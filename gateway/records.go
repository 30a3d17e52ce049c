package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/internal/wire"
)

// maxWait is how long a poll for changes may wait.
const maxWait = time.Minute

// getRecord answers with the record of a request, to its parties.
func (g *Gateway) getRecord(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	id := custody.RecordID(r.PathValue("request"))
	if custody.CheckID(string(id)) != nil {
		return wire.NewProblem(custody.CodeNoSuchRequest, "")
	}
	if err := g.party(r.Context(), who, id); err != nil {
		return err
	}
	return g.writeRecord(w, r, id, custody.CodeNoSuchRequest)
}

// party refuses who takes no part in a request, as if there were none.
func (g *Gateway) party(ctx context.Context, who admit.Principal, id custody.RecordID) error {
	d, err := g.ledger.Decide(ctx, id, custody.Action{Act: custody.ActRecord, Via: who.ID()})
	if err != nil {
		return err
	}
	if !d.Allowed() {
		return admit.Deny(id, custody.ActRecord, d, custody.CodeNoSuchRequest)
	}
	return nil
}

func (g *Gateway) getAuthorityRecord(w http.ResponseWriter, r *http.Request, _ admit.Principal) error {
	name := r.PathValue("authority")
	if custody.CheckAuthority(name) != nil {
		return wire.NewProblem(wire.CodeNotFound, "")
	}
	return g.writeRecord(w, r, custody.AuthorityRecord(name), wire.CodeNotFound)
}

func (g *Gateway) getRelayRecord(w http.ResponseWriter, r *http.Request, _ admit.Principal) error {
	return g.writeRecord(w, r, custody.RelayRecord, wire.CodeNotFound)
}

// writeRecord answers with a record in the tree of the size asked for.
func (g *Gateway) writeRecord(w http.ResponseWriter, r *http.Request, id custody.RecordID, none custody.Code) error {
	size, err := number(r.URL.Query().Get("size"))
	if err != nil {
		return err
	}
	p, err := g.ledger.RecordProof(r.Context(), id, size)
	switch {
	case errors.Is(err, ledger.ErrNoRecord):
		return wire.NewProblem(none, "")
	case errors.Is(err, ledger.ErrNoCheckpoint):
		return wire.NewProblem(wire.CodeNotFound, "there is no signed checkpoint of that size")
	case err != nil:
		return err
	}
	return admit.WriteJSON(w, p)
}

// number reads a decimal number; nothing is 0.
func number(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, wire.NewProblem(wire.CodeMalformed, "a parameter is not a number")
	}
	return n, nil
}

// getChanges waits for entries that concern the caller's authority.
func (g *Gateway) getChanges(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	q := r.URL.Query()
	after, err := number(q.Get("after"))
	if err != nil {
		return err
	}
	var wait time.Duration
	if s := q.Get("wait"); s != "" {
		if wait, err = time.ParseDuration(s); err != nil || wait < 0 {
			return wire.NewProblem(wire.CodeMalformed, "wait is not a time like 30s")
		}
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() { // a relay that ends answers its polls
		select {
		case <-g.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	list, next, err := g.ledger.Changes(ctx, who.Authority(), after, min(wait, maxWait))
	if err != nil {
		return err
	}
	return admit.WriteJSON(w, wire.Changes{Cursor: strconv.FormatInt(next, 10), Changes: list})
}

func (g *Gateway) getRelay(w http.ResponseWriter, _ *http.Request, _ *admit.Principal) error {
	return admit.WriteBytes(w, wire.TypeEnvelope, g.ledger.Relay())
}

// getDirectory answers with an authority's roots and its newest directory, or the
// one of a version.
func (g *Gateway) getDirectory(w http.ResponseWriter, r *http.Request, _ *admit.Principal) error {
	name := r.PathValue("authority")
	roots, directory, ok := g.ledger.Authority(name)
	if !ok {
		return wire.NewProblem(wire.CodeNotFound, "")
	}
	if s := r.PathValue("version"); s != "" {
		version, err := number(s)
		if err != nil {
			return err
		}
		directory, err = g.ledger.Directory(r.Context(), name, version)
		if errors.Is(err, ledger.ErrNoRecord) {
			return wire.NewProblem(wire.CodeNotFound, "")
		}
		if err != nil {
			return err
		}
	}
	return admit.WriteJSON(w, wire.AuthorityState{Roots: roots, Directory: directory})
}

func (g *Gateway) getCheckpoint(w http.ResponseWriter, _ *http.Request, _ *admit.Principal) error {
	w.Header().Set("Cache-Control", "no-cache")
	return admit.WriteBytes(w, wire.TypeNote, g.ledger.Checkpoint())
}

// getTile answers with a file of the log, which never changes.
func (g *Gateway) getTile(w http.ResponseWriter, r *http.Request, _ *admit.Principal) error {
	b, err := g.deliver.Tile(r.Context(), "tile/"+r.PathValue("path"))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return admit.WriteBytes(w, wire.TypeBytes, b)
}

// digestOf reads the digest in a path.
func digestOf(r *http.Request) (custody.Digest, error) {
	return statement.ParseDigest(r.PathValue("sha256"))
}
