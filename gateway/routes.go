package gateway

import (
	"net/http"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/internal/wire"
)

const (
	smallBody = 64 << 10
	partWait  = 10 * time.Minute // 8 MiB at 14 KiB a second
	formWait  = 5 * time.Minute

	publishCost = 10 // of a stranger's statement, which is expensive to verify
)

var (
	envelopeField = field{name: "envelope", most: wire.MaxStatement, need: true}
	annexField    = field{name: "annex", most: wire.MaxAnnex}
	headField     = field{name: "head", most: wire.MaxHead, need: true}
	innerField    = field{name: "inner", most: wire.MaxInner, need: true}
)

// routes is the protocol, beside hello: docs/openapi.yaml describes each of them.
func (g *Gateway) routes() []admit.Route {
	filed, single := formSize(envelopeField, annexField), formSize(envelopeField)
	unlock := formSize(envelopeField, headField, innerField)
	return []admit.Route{
		{Method: http.MethodPost, Path: "/v1/statements", Body: filed, StrangerBody: single, Wait: formWait, Cost: publishCost, Open: g.postStatement},
		{Method: http.MethodPost, Path: "/v1/proposals", Body: filed, Wait: formWait, Handle: g.postProposal},
		{Method: http.MethodGet, Path: "/v1/proposals", Handle: g.getProposals},
		{Method: http.MethodGet, Path: "/v1/proposals/{sha256}", Handle: g.getProposal},
		{Method: http.MethodPost, Path: "/v1/proposals/{sha256}/signatures", Body: single, Handle: g.postSignatures},

		{Method: http.MethodGet, Path: "/v1/records/{request}", Handle: g.getRecord},
		{Method: http.MethodGet, Path: "/v1/records/authority/{authority}", Handle: g.getAuthorityRecord},
		{Method: http.MethodGet, Path: "/v1/records/relay", Handle: g.getRelayRecord},
		{Method: http.MethodGet, Path: "/v1/annexes/{sha256}", Handle: g.getAnnex},
		{Method: http.MethodGet, Path: "/v1/changes", Handle: g.getChanges},

		{Method: http.MethodGet, Path: "/v1/relay", Open: g.getRelay},
		{Method: http.MethodGet, Path: "/v1/directory/{authority}", Open: g.getDirectory},
		{Method: http.MethodGet, Path: "/v1/directory/{authority}/{version}", Open: g.getDirectory},
		{Method: http.MethodGet, Path: "/log/checkpoint", Open: g.getCheckpoint},
		{Method: http.MethodGet, Path: "/log/tile/{path...}", Open: g.getTile},

		{Method: http.MethodPost, Path: "/v1/packages", Body: smallBody, Handle: g.postPackage},
		{Method: http.MethodPost, Path: "/v1/packages/{id}/epoch", Body: smallBody, Handle: g.postEpoch},
		{Method: http.MethodPut, Path: "/v1/packages/{id}/parts/{n}", Body: seal.PartSize, Wait: partWait, Handle: g.putPart},
		{Method: http.MethodGet, Path: "/v1/packages/{id}", Handle: g.getPackage},
		{Method: http.MethodDelete, Path: "/v1/packages/{id}", Handle: g.deletePackage},
		{Method: http.MethodPost, Path: "/v1/packages/{id}/seal", Body: wire.MaxStatement, Handle: g.postSeal},
		{Method: http.MethodPost, Path: "/v1/packages/{id}/unlock", Body: unlock, Handle: g.postUnlock},
		{Method: http.MethodPost, Path: "/v1/packages/{id}/release", Body: single, Handle: g.postRelease},
		{Method: http.MethodGet, Path: "/v1/packages/{id}/head", Handle: g.getHead},
		{Method: http.MethodGet, Path: "/v1/packages/{id}/inner", Handle: g.getInner},
		{Method: http.MethodGet, Path: "/v1/packages/{id}/payload", Handle: g.getPayload},
	}
}
