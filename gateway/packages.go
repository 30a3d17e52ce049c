package gateway

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/internal/wire"
)

func (g *Gateway) postPackage(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	var in wire.Reserve
	if err := admit.ReadJSON(r, &in); err != nil {
		return err
	}
	out, err := g.ingest.Reserve(r.Context(), who, in)
	if err != nil {
		return err
	}
	return admit.WriteJSON(w, out)
}

// postEpoch takes a package over. Its body, null or nothing, says nothing.
func (g *Gateway) postEpoch(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	out, err := g.ingest.TakeOver(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return admit.WriteJSON(w, out)
}

func (g *Gateway) putPart(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	epoch, err := epochOf(r)
	if err != nil {
		return err
	}
	sum, err := ingest.ParseDigest(r.Header.Get("Content-Digest"))
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(r.PathValue("n"), 10, 31)
	if err != nil || strconv.FormatUint(n, 10) != r.PathValue("n") {
		return wire.NewProblem(wire.CodeMalformed, "the part's number is not a number")
	}
	part := ingest.Part{Number: int(n), Epoch: epoch, SHA256: sum, Length: r.ContentLength, Body: r.Body}
	if err := g.ingest.PutPart(r.Context(), who, r.PathValue("id"), part); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// epochOf reads the number that fences uploads.
func epochOf(r *http.Request) (int64, error) {
	s := r.Header.Get(wire.EpochHeader)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != s {
		return 0, wire.NewProblem(wire.CodeMalformed, wire.EpochHeader+" is missing or not a number")
	}
	return n, nil
}

func (g *Gateway) getPackage(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	out, err := g.ingest.State(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return admit.WriteJSON(w, out)
}

func (g *Gateway) deletePackage(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	epoch, err := epochOf(r)
	if err != nil {
		return err
	}
	if err := g.ingest.Abandon(r.Context(), who, r.PathValue("id"), epoch); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (g *Gateway) postSeal(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	epoch, err := epochOf(r)
	if err != nil {
		return err
	}
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != wire.TypeEnvelope {
		return wire.NewProblem(wire.CodeMalformed, "the body must be "+wire.TypeEnvelope)
	}
	envelope, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("reading seal: %w", err)
	}
	proof, err := g.ingest.Seal(r.Context(), who, r.PathValue("id"), epoch, envelope)
	if err != nil {
		return err
	}
	return admit.WriteJSON(w, proof)
}

func (g *Gateway) postUnlock(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	form, err := readForm(r, envelopeField, headField, innerField)
	if err != nil {
		return err
	}
	proof, err := g.ingest.Unlock(r.Context(), who, r.PathValue("id"), form["envelope"], form["head"], form["inner"])
	if err != nil {
		return err
	}
	return admit.WriteJSON(w, proof)
}

func (g *Gateway) postRelease(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	form, err := readForm(r, envelopeField)
	if err != nil {
		return err
	}
	proof, err := g.ingest.Release(r.Context(), who, r.PathValue("id"), form["envelope"])
	if err != nil {
		return err
	}
	return admit.WriteJSON(w, proof)
}

func (g *Gateway) getHead(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	b, err := g.deliver.Head(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := admit.WriteBytes(w, wire.TypeBytes, b); err != nil {
		return err
	}
	ledger.Crash(ledger.HeadAnswered)
	return nil
}

func (g *Gateway) getInner(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	b, err := g.deliver.Inner(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := admit.WriteBytes(w, wire.TypeBytes, b); err != nil {
		return err
	}
	ledger.Crash(ledger.InnerAnswered)
	return nil
}

// getPayload answers with one range of the payload, or with all of it.
func (g *Gateway) getPayload(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	p, err := g.deliver.Payload(r.Context(), who, r.PathValue("id"), r.Header.Get("Range"))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", wire.TypeBytes)
	h.Set("Content-Length", strconv.FormatInt(p.Length, 10))
	h.Set("Accept-Ranges", "bytes")
	if p.Partial {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", p.Off, p.Off+p.Length-1, p.Size))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.WriteHeader(http.StatusOK)
	}
	if r.Method == http.MethodHead {
		return nil
	}
	rc := http.NewResponseController(w)
	return p.Copy(r.Context(), w, func() { rc.SetWriteDeadline(time.Unix(1, 0)) }) // one that has passed
}

func (g *Gateway) getAnnex(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	sha, err := digestOf(r)
	if err != nil {
		return wire.NewProblem(custody.CodeNoSuchRequest, "")
	}
	b, err := g.deliver.Annex(r.Context(), who, sha)
	if err != nil {
		return err
	}
	return admit.WriteBytes(w, wire.TypeBytes, b)
}
