package agent_test

import (
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
)

// TestOfferWaits: a daemon keeps a package until what it offers is accepted, and gives it
// up when that is refused.
func TestOfferWaits(t *testing.T) {
	if !agent.Waits(custody.CodeNotAccepted) {
		t.Error("a package of an offer that is not accepted yet is given up")
	}
	if agent.Waits(custody.CodeRequestEnded) {
		t.Error("a package of an offer that was refused waits")
	}
}
