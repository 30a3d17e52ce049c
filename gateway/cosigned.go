package gateway

import (
	"errors"
	"net/http"

	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/internal/wire"
)

// getCosigned answers with the newest checkpoint that witnesses have cosigned.
func (g *Gateway) getCosigned(w http.ResponseWriter, _ *http.Request, _ *admit.Principal) error {
	note := g.ledger.Cosigned()
	if note == nil {
		return wire.NewProblem(wire.CodeNotFound, "no witnesses have cosigned this log")
	}
	w.Header().Set("Cache-Control", "no-cache")
	return admit.WriteBytes(w, wire.TypeNote, note)
}

// getCosignedAround answers with the cosigned checkpoints before and after the
// entry of an index.
func (g *Gateway) getCosignedAround(w http.ResponseWriter, r *http.Request, _ *admit.Principal) error {
	q := r.URL.Query()
	index, err := number(q.Get("index"))
	if err != nil {
		return err
	}
	size, err := number(q.Get("size"))
	if err != nil {
		return err
	}
	c, err := g.ledger.CosignedAround(r.Context(), index, size)
	if errors.Is(err, ledger.ErrNoCheckpoint) {
		return wire.NewProblem(wire.CodeNotFound, "there is no signed checkpoint of that size")
	}
	if err != nil {
		return err
	}
	return admit.WriteJSON(w, c)
}
