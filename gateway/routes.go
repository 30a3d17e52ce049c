package gateway

import (
	"net/http"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/internal/wire"
)

const (
	smallBody = 16 << 10

	publishCost = 10 // of a statement, which is expensive to verify
	maxPolls    = 16 // for changes, of one agent at once
)

// What requests hold in memory beside their bodies, in bytes. A part over HTTP/2
// may fill the receive window while the store is slow; over QUIC, windows have a
// budget of their own. Records and packages grow with their case: these are large ones.
const (
	partHeld      = 4 << 20
	payloadHeld   = 512 << 10
	recordHeld    = 16 << 20
	packageHeld   = 16 << 20
	proposalHeld  = 3 * wire.MaxStatement
	proposalsHeld = 3 * maxProposalBytes
	directoryHeld = 4 << 20
	tokensHeld    = 4 << 20
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
	size := []string{"size"}
	return []admit.Route{
		{Method: http.MethodPost, Path: "/v1/statements", Body: filed, StrangerBody: single, Cost: publishCost, Open: g.postStatement},
		{Method: http.MethodPost, Path: "/v1/proposals", Body: filed, Handle: g.postProposal},
		{Method: http.MethodGet, Path: "/v1/proposals", Held: proposalsHeld, Handle: g.getProposals},
		{Method: http.MethodGet, Path: "/v1/proposals/{sha256}", Held: proposalHeld, Handle: g.getProposal},
		{Method: http.MethodPost, Path: "/v1/proposals/{sha256}/signatures", Body: single, Held: proposalHeld, Handle: g.postSignatures},

		{Method: http.MethodGet, Path: "/v1/records/{request}", Auditors: true, Held: recordHeld, Query: size, Handle: g.getRecord},
		{Method: http.MethodGet, Path: "/v1/records/authority/{authority}", Auditors: true, Held: recordHeld, Query: size, Handle: g.getAuthorityRecord},
		{Method: http.MethodGet, Path: "/v1/records/relay", Auditors: true, Held: recordHeld, Query: size, Handle: g.getRelayRecord},
		{Method: http.MethodGet, Path: "/v1/tokens", Auditors: true, Held: tokensHeld, Query: []string{"index", "size"}, Handle: g.getTokens},
		{Method: http.MethodGet, Path: "/v1/annexes/{sha256}", Held: wire.MaxAnnex, Handle: g.getAnnex},
		{Method: http.MethodGet, Path: "/v1/changes", Auditors: true, Query: []string{"after", "wait"}, AtOnce: maxPolls, Handle: g.getChanges},

		{Method: http.MethodGet, Path: "/v1/relay", Open: g.getRelay},
		{Method: http.MethodGet, Path: "/v1/directory/{authority}", Held: directoryHeld, Open: g.getDirectory},
		{Method: http.MethodGet, Path: "/v1/directory/{authority}/{version}", Held: directoryHeld, Open: g.getDirectory},
		{Method: http.MethodGet, Path: "/log/checkpoint", Open: g.getCheckpoint},
		{Method: http.MethodGet, Path: "/log/cosigned", Open: g.getCosigned},
		{Method: http.MethodGet, Path: "/log/tile/{path...}", Open: g.getTile},
		{Method: http.MethodGet, Path: "/v1/cosigned", Query: []string{"index", "size"}, Open: g.getCosignedAround},

		{Method: http.MethodPost, Path: "/v1/packages", Body: smallBody, Handle: g.postPackage},
		{Method: http.MethodPost, Path: "/v1/packages/{id}/epoch", Body: smallBody, Handle: g.postEpoch},
		{Method: http.MethodPut, Path: "/v1/packages/{id}/parts/{n}", Body: seal.PartSize, Stream: true, Held: partHeld, Handle: g.putPart},
		{Method: http.MethodGet, Path: "/v1/packages/{id}", Held: packageHeld, Handle: g.getPackage},
		{Method: http.MethodDelete, Path: "/v1/packages/{id}", Handle: g.deletePackage},
		{Method: http.MethodPost, Path: "/v1/packages/{id}/seal", Body: wire.MaxStatement, Held: packageHeld, Handle: g.postSeal},
		{Method: http.MethodPost, Path: "/v1/packages/{id}/unlock", Body: unlock, Handle: g.postUnlock},
		{Method: http.MethodPost, Path: "/v1/packages/{id}/release", Body: single, Handle: g.postRelease},
		{Method: http.MethodGet, Path: "/v1/packages/{id}/head", Held: wire.MaxHead, Handle: g.getHead},
		{Method: http.MethodGet, Path: "/v1/packages/{id}/inner", Held: wire.MaxInner, Handle: g.getInner},
		{Method: http.MethodGet, Path: "/v1/packages/{id}/payload", Held: payloadHeld, Handle: g.getPayload},
	}
}
