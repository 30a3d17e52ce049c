package env_test

import (
	"testing"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/test/env"
)

// TestWitnessedStory: the directories list both witnesses, and the parties' policy
// wants both.
func TestWitnessedStory(t *testing.T) {
	s, err := env.NewWitnessedStory("relay.example", "fr", "nl", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Policy()
	if err != nil {
		t.Fatal(err)
	}
	at := s.Now().Time().Add(time.Minute)
	for _, r := range []struct {
		at   map[*env.Witness]time.Time
		want bool
	}{
		{map[*env.Witness]time.Time{s.From.Witness: at, s.To.Witness: at}, true},
		{map[*env.Witness]time.Time{s.From.Witness: at}, false},
		{nil, false},
	} {
		note, err := s.Cosigned(r.at)
		if err != nil {
			t.Fatal(err)
		}
		c, err := translog.OpenCosignedExact(note, s.LogSigner.Key(), p.Keys()...)
		if err != nil {
			t.Fatal(err)
		}
		times, ok := p.Evaluate(c.Cosignatures)
		if ok != r.want || ok && !times.By.Equal(at) {
			t.Errorf("%d witnesses: %v, %v", len(r.at), times, ok)
		}
	}
}
