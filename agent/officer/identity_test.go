package officer_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

func TestEnrol(t *testing.T) {
	h := newHome(t, "nl")
	for _, id := range []custody.PartyID{"nl/registrar/1", "nl/officer/mla-1", "nl/agent/lab-1"} {
		env, err := officer.Enrol(h, id, start)
		fatalIfErr(t, err)
		e, key, err := custody.ParseEnrolment(env)
		fatalIfErr(t, err)
		k, err := h.Key(id)
		fatalIfErr(t, err)
		if e.ID != id || key.ID() != k.Public().ID() {
			t.Errorf("Enrol(%q) enrolled %q with key %s, the home has %s", id, e.ID, key.ID(), k.Public().ID())
		}
		again, err := officer.Enrol(h, id, start)
		if err != nil || !bytes.Equal(again, env) {
			t.Errorf("second Enrol(%q) is not the first: %v", id, err)
		}
	}
}

// TestEnrolAfterCrash: the key was kept and the enrolment was not.
func TestEnrolAfterCrash(t *testing.T) {
	h := newHome(t, "nl")
	const id = "nl/agent/lab-1"
	_, err := officer.Enrol(h, id, start)
	fatalIfErr(t, err)
	k, err := h.Key(id)
	fatalIfErr(t, err)
	fatalIfErr(t, os.Remove(filepath.Join(h.Dir(), "enrolments", "nl", "agent", "lab-1.json")))
	env, err := officer.Enrol(h, id, start)
	fatalIfErr(t, err)
	if _, key, err := custody.ParseEnrolment(env); err != nil || key.ID() != k.Public().ID() {
		t.Errorf("after a crash another key was enrolled (%v)", err)
	}
}

func TestEnrolRefuses(t *testing.T) {
	h := newHome(t, "nl")
	for id, want := range map[custody.PartyID]string{
		"de/agent/lab-1":   `not of authority "nl"`,
		"nl/recipient/lab": "not the id of a party",
		"nl/judge/1":       "unknown role",
		"../../etc/x":      "malformed",
	} {
		if _, err := officer.Enrol(h, id, start); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Enrol(%q) = %v, want %q", id, err, want)
		}
	}
}

// challenged makes an agent, a recipient and its challenge.
func challenged(t *testing.T, name string) (h *agent.Home, r *officer.Registry, claim, file []byte) {
	t.Helper()
	h = newHome(t, "nl")
	_, err := officer.Enrol(h, "nl/agent/lab-1", start)
	fatalIfErr(t, err)
	claim, err = officer.NewRecipient(h, custody.PartyID("nl/recipient/"+name), "nl/agent/lab-1")
	fatalIfErr(t, err)
	r = officer.NewRegistry(h)
	file, err = r.Challenge(claim)
	fatalIfErr(t, err)
	return h, r, claim, file
}

func TestRecipient(t *testing.T) {
	h, r, claim, file := challenged(t, "lab")
	again, err := officer.NewRecipient(h, "nl/recipient/lab", "nl/agent/lab-1")
	if err != nil || !bytes.Equal(again, claim) {
		t.Errorf("second NewRecipient is not the first: %v", err)
	}
	env, err := officer.Answer(h, "nl/recipient/lab", file, start)
	fatalIfErr(t, err)
	d := &officer.Draft{}
	if _, err := r.Add(d, env, officer.AddOptions{}, start); err != nil {
		t.Fatal(err)
	}
	fatalIfErr(t, r.Forget(env))
	// What is listed with these keys needs no second answer.
	if said, err := r.Add(d, env, officer.AddOptions{}, start); err != nil || !strings.Contains(said, "keeps its keys") {
		t.Errorf("second Add = %q, %v", said, err)
	}
	// Elsewhere it does.
	if _, err := r.Add(&officer.Draft{}, env, officer.AddOptions{}, start); !errors.Is(err, officer.ErrChallenge) {
		t.Errorf("Add without challenge = %v, want ErrChallenge", err)
	}
}

// TestRecipientForged: a holder that cannot open the challenge lists nobody.
func TestRecipientForged(t *testing.T) {
	h, r, claim, file := challenged(t, "lab")
	c, err := officer.ParseClaim(claim)
	fatalIfErr(t, err)
	k, err := h.Key("nl/agent/lab-1")
	fatalIfErr(t, err)
	forge := func(id custody.PartyID, recipient string, file []byte, opened custody.Digest) []byte {
		env, err := custody.Enrol(custody.Enrolment{Authority: "nl", ID: id, Issued: statement.At(start), Recipient: recipient,
			Holder: c.Holder, Challenge: &custody.Challenge{FileSHA256: custody.HashOf(file), Opened: opened}}, k)
		fatalIfErr(t, err)
		return env
	}
	_, other, err := seal.GenerateIdentity()
	fatalIfErr(t, err)
	env, err := officer.Answer(h, "nl/recipient/lab", file, start)
	fatalIfErr(t, err)
	e, _, err := custody.ParseEnrolment(env)
	fatalIfErr(t, err)
	for name, env := range map[string][]byte{
		"guessed answer":      forge(c.ID, c.Recipient, file, custody.Digest{7}),
		"unknown challenge":   forge(c.ID, c.Recipient, []byte("x"), e.Challenge.Opened),
		"other name":          forge("nl/recipient/other", c.Recipient, file, e.Challenge.Opened),
		"other age recipient": forge(c.ID, other, file, e.Challenge.Opened),
	} {
		if _, err := r.Add(&officer.Draft{}, env, officer.AddOptions{}, start); !errors.Is(err, officer.ErrChallenge) {
			t.Errorf("%s: Add = %v, want ErrChallenge", name, err)
		}
	}
}

func TestAnswerRefuses(t *testing.T) {
	h, _, _, _ := challenged(t, "lab")
	_, _, _, other := challenged(t, "lab") // of another home, so to another key
	if _, err := officer.Answer(h, "nl/recipient/lab", other, start); err == nil || !strings.Contains(err.Error(), "another recipient") {
		t.Errorf("Answer to a foreign challenge = %v", err)
	}
	if _, err := officer.Answer(h, "nl/recipient/none", other, start); !errors.Is(err, officer.ErrNoKey) {
		t.Errorf("Answer without identity = %v, want ErrNoKey", err)
	}
	if _, err := officer.Answer(h, "nl/recipient/lab", []byte("age-encryption.org/v1\n"), start); err == nil {
		t.Error("Answer took a file that is no age file")
	}
	if _, err := officer.NewRecipient(h, "nl/recipient/x", "nl/agent/none"); !errors.Is(err, officer.ErrNoKey) {
		t.Errorf("NewRecipient of a holder that is not here = %v, want ErrNoKey", err)
	}
	if _, err := officer.NewRecipient(h, "nl/recipient/lab", "nl/agent/none"); err == nil {
		t.Error("a recipient changed its holder")
	}
}

func TestInitRootRefuses(t *testing.T) {
	h := newHome(t, "nl")
	r1, err := officer.Enrol(h, "nl/registrar/1", start)
	fatalIfErr(t, err)
	r2, err := officer.Enrol(h, "nl/registrar/2", start)
	fatalIfErr(t, err)
	foreign, err := officer.Enrol(newHome(t, "de"), "de/registrar/1", start)
	fatalIfErr(t, err)
	agent, err := officer.Enrol(h, "nl/agent/lab-1", start)
	fatalIfErr(t, err)
	for name, spec := range map[string]officer.RootSpec{
		"one registrar":     {Keys: 1, Threshold: 1, Registrars: [][]byte{r1}},
		"the same twice":    {Keys: 1, Threshold: 1, Registrars: [][]byte{r1, r1}},
		"foreign registrar": {Keys: 1, Threshold: 1, Registrars: [][]byte{r1, foreign}},
		"agent":             {Keys: 1, Threshold: 1, Registrars: [][]byte{r1, agent}},
		"threshold":         {Keys: 1, Threshold: 2, Registrars: [][]byte{r1, r2}},
		"no threshold":      {Keys: 1, Threshold: 0, Registrars: [][]byte{r1, r2}},
	} {
		if _, err := officer.InitRoot(h, spec, start); err == nil {
			t.Errorf("%s: a root was made", name)
		}
	}
	if officer.NewRegistry(h).Here() {
		t.Error("a refused call left a draft")
	}
}

// TestInitRootAfterCrash: a call that stopped at any of its steps is completed by
// the next one, with the same keys.
func TestInitRootAfterCrash(t *testing.T) {
	h, r := oneMachine(t, "nl")
	roots, err := r.Roots()
	fatalIfErr(t, err)
	want := roots[0].Body.(*custody.Root).Fingerprint()
	m := officer.Machine{Lab: true, Desk: true, Officer: true, Backup: true}
	spec := officer.RootSpec{Keys: 1, Threshold: 1}
	if _, err := officer.InitMachine(h, m, spec, start); !errors.Is(err, officer.ErrInitialised) {
		t.Errorf("second InitMachine = %v, want ErrInitialised", err)
	}
	fatalIfErr(t, os.Remove(filepath.Join(h.Dir(), "directory", "draft.json")))
	fatalIfErr(t, os.Remove(filepath.Join(h.Dir(), "trust.json")))
	h, err = agent.OpenHome(h.Dir())
	fatalIfErr(t, err)
	fp, err := officer.InitMachine(h, m, spec, start)
	if err != nil || fp != want || h.Trust.Pins()["nl"] != want {
		t.Errorf("InitMachine after a crash = %s, %v, want %s; pinned %s", fp, err, want, h.Trust.Pins()["nl"])
	}
	d, err := officer.NewRegistry(h).Draft()
	if err != nil || len(d.Entries) != 5 {
		t.Errorf("the draft has %d entries, %v, want 5", len(d.Entries), err)
	}
}

func TestRootKeysPassphrase(t *testing.T) {
	dir := t.TempDir()
	fatalIfErr(t, os.WriteFile(filepath.Join(dir, "pass"), []byte("correct horse\n"), 0o600))
	t.Setenv("COMITY_PASSPHRASE_FILE", filepath.Join(dir, "pass"))
	h, err := agent.CreateHome(filepath.Join(dir, "nl"), "nl")
	fatalIfErr(t, err)
	var regs [][]byte
	for _, id := range []custody.PartyID{"nl/registrar/1", "nl/registrar/2"} {
		env, err := officer.Enrol(h, id, start)
		fatalIfErr(t, err)
		regs = append(regs, env)
	}
	_, err = officer.InitRoot(h, officer.RootSpec{Keys: 1, Threshold: 1, Registrars: regs}, start)
	fatalIfErr(t, err)
	data, err := os.ReadFile(filepath.Join(h.Dir(), "keys", "nl", "root", "1.key"))
	if err != nil || !strings.HasPrefix(string(data), "-----BEGIN AGE ENCRYPTED FILE-----") {
		t.Errorf("the root key is not protected: %v", err)
	}
	if ks, err := h.RootKeys(); err != nil || len(ks) != 1 {
		t.Errorf("RootKeys = %d, %v", len(ks), err)
	}
}

func FuzzParseClaim(f *testing.F) {
	f.Add([]byte(`{"_type":"comity/recipient-claim/v1","id":"nl/recipient/lab","holder":"nl/agent/lab-1","recipient":"age1pq1"}`))
	f.Add(statement.Encode(officer.Claim{}))
	f.Add([]byte(keys.Generate().Public().String()))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := officer.ParseClaim(data)
		if err == nil && (c.ID.Role() != custody.RoleRecipient || c.Holder.Authority() != c.ID.Authority()) {
			t.Errorf("ParseClaim took %+v", c)
		}
	})
}
