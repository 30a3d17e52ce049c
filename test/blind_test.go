package test_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
)

// canaries are words that stand in this story wherever content, names, case text
// and reasons can stand, and nowhere else.
var canaries = map[string]string{
	"content of a file":              "CanaryFileContentQ7xT2mZp4V",
	"name of a file":                 "CanaryFileNameH3vR8kLw6N",
	"name of a folder":               "CanaryFolderNameB9cY5dGs1J",
	"name of the folder sent":        "CanaryTopFolderX4fM7hKq2D",
	"description of the package":     "CanaryDescriptionW6pZ3nTb8C",
	"examiner":                       "CanaryExaminerL5jV9rXg2F",
	"handling code":                  "canary-handling-k8sd4mqy7h",
	"examiner of the device":         "CanaryAcquirerU3kD8vXs6P",
	"laboratory":                     "CanaryLaboratoryE7mW2qJf9Z",
	"number of the laboratory":       "CanaryLabNumberA4hT6bRn8Y",
	"number of the exhibit":          "CanaryExhibitNumG9xC5wLv3K",
	"serial number":                  "CanarySerialNumB2pQ7dMt4H",
	"tool":                           "CanaryToolNameV6sF9jYk2N",
	"place":                          "CanaryPlaceTextZ8gR3cXw5D",
	"notes on the device":            "CanaryDeviceNotesK4nH7tBq9S",
	"reference":                      "CanaryReferenceN2bW6tPv3R",
	"facts in words":                 "CanaryFactsTextG7zJ5xCk9M",
	"content of the annex":           "CanaryAnnexContentV3hL8wFd6S",
	"name of the annex":              "CanaryAnnexNameT9qB4yRn5Z",
	"content of the order":           "CanaryOrderContentP6kX2gHm7W",
	"name of the order":              "CanaryOrderNameD8vN3jTc4L",
	"conditions in words":            "CanaryConditionsY5rF9sKb2Q",
	"text of the review":             "CanaryReviewTextM4wC7pZh8G",
	"reasons of the refusal":         "CanaryRefusalReasonsJ2tH6vXd9B",
	"text of the objecting review":   "CanaryObjectionTextS7nL3fQk5V",
	"name of a file that is special": "CanarySpecialNameR8yG4bWm2T",
	"passphrase":                     passphrase,
	"reference nobody knows":         "CanaryUnknownRefC5xT7qNv4Y",
}

// TestBlindRelay plays a request that is granted, carried out and revoked, one that
// is refused, and what goes wrong on the way, at a relay that logs all it can; then
// it searches everything that the relay keeps, in a folder and in a bucket, while it
// runs and after it has stopped, and everything that it answers to a stranger.
func TestBlindRelay(t *testing.T) {
	t.Parallel()
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		blindRelay(t, nil)
	})
	t.Run("bucket", func(t *testing.T) {
		t.Parallel()
		blindRelay(t, newBucket(t))
	})
}

// blindRelay plays it on a relay with a folder, or with a bucket.
func blindRelay(t *testing.T, b *bucket) {
	w := prepare(t, b.flags(), "nl", "de", "fr")
	w.logAll()
	w.open("nl", "de", "fr")
	id := w.blindStory()
	relay := filepath.Join(w.dir, "relay")
	if _, err := os.Stat(filepath.Join(relay, "relay.db-wal")); err != nil {
		t.Errorf("the database has no write-ahead log to search: %v", err)
	}
	exposed := w.exposed(id)
	kept := append(files(t, relay), b.kept(t)...)
	w.stop()
	kept = append(kept, files(t, relay)...)
	kept = append(kept, values(t, filepath.Join(relay, "relay.db"))...)
	kept = append(kept, b.kept(t)...)

	// What the relay may know is there, so the search looks in the right place.
	for _, public := range []string{id, "stored-data", "ne-bis-in-idem", "de/agent/lab-1"} {
		if len(find(kept, public)) == 0 {
			t.Errorf("%q, which is public, is not found: the search finds nothing", public)
		}
	}
	for _, public := range []string{"relay.example", "nl/registrar/1", "hello-required", "no-such-request"} {
		if len(find(exposed, public)) == 0 {
			t.Errorf("%q is in no answer to a stranger: the search finds nothing", public)
		}
	}
	if log := files(t, relay); len(find(log, `"level":"DEBUG"`)) == 0 {
		t.Error("the relay does not log all it can")
	}
	// What it may not know is there too, for those who hold a key.
	opened := w.openAnnexes(b, "nl", "de")
	for _, what := range []string{"reference", "facts in words", "content of the annex", "name of the annex", "content of the order",
		"name of the order", "conditions in words", "text of the review", "reasons of the refusal", "text of the objecting review"} {
		if len(find(opened, canaries[what])) == 0 {
			t.Errorf("the %s is in no annex: that the relay cannot read it shows nothing", what)
		}
	}
	for what, canary := range canaries {
		for _, hit := range find(kept, canary) {
			t.Errorf("the %s is with the relay: %s", what, hit)
		}
		for _, hit := range find(exposed, canary) {
			t.Errorf("the %s is in what the relay answers: %s", what, hit)
		}
	}
	b.canFail(t)
}

// logAll has the relay log all it can.
func (w *world) logAll() {
	w.t.Helper()
	file := filepath.Join(w.dir, "relay", "gateway.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	debug := strings.Replace(string(text), "\nlog_level: info\n", "\nlog_level: debug\n", 1)
	if debug == string(text) {
		w.t.Fatalf("%s names no log level:\n%s", file, text)
	}
	w.write("relay/gateway.yaml", debug)
}

// blindStory puts every canary where it belongs and sees that those who may read
// it do. It returns the id of the first request.
func (w *world) blindStory() string {
	c := canaries
	order := w.write("papers/"+c["name of the order"]+".pdf", c["content of the order"]+"\n")
	annex := w.write("papers/"+c["name of the annex"]+".pdf", c["content of the annex"])
	request := func(ref string) string {
		return w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", order, "--annex", annex,
			"--ref", ref, "--facts", c["facts in words"])
	}
	id := request(c["reference"])
	w.reads(w.comity(0, "", "de", "request", "show", c["reference"]), "reference", "facts in words", "name of the annex", "name of the order")
	w.comity(1, c["reference nobody knows"], "de", "status", c["reference nobody knows"])

	draft := w.comity(0, "", "de", "grant", id, "--draft")
	draft = strings.Replace(draft, `conditions_text: ""`, "conditions_text: "+c["conditions in words"], 1)
	draft = strings.Replace(draft, `text: ""`, "text: "+c["text of the review"], 1)
	w.reads(draft, "conditions in words", "text of the review")
	w.write("g.yaml", draft+"\n")
	w.comity(0, "", "de", "grant", id, "-f", "g.yaml")
	w.comity(0, c["conditions in words"], "nl", "accept", id)

	name := c["name of the folder sent"] + "/" + c["name of a folder"] + "/" + c["name of a file"]
	w.write(name, c["content of a file"])
	link := filepath.Join(w.dir, c["name of the folder sent"], c["name of a file that is special"])
	if err := os.Symlink("nowhere", link); err != nil {
		w.t.Fatal(err)
	}
	send := []string{"send", id, c["name of the folder sent"], "--description", c["description of the package"],
		"--examiner", c["examiner"], "--handling", c["handling code"], "--acquisition", w.acquisition()}
	w.comity(1, c["name of a file that is special"], "de", send...)
	if err := os.Remove(link); err != nil {
		w.t.Fatal(err)
	}
	w.comity(0, "", "de", send...)
	w.comity(0, c["description of the package"], "nl", "fetch", id, "--into", "evidence")
	w.acquired("evidence")
	arrived, err := filepath.Glob(filepath.Join(w.dir, "evidence", "*", "data", c["name of a folder"], c["name of a file"]))
	if err != nil || len(arrived) != 1 {
		w.t.Fatalf("the file has not arrived: %v, %v", arrived, err)
	}
	w.comity(0, "", "de", "revoke", id, "--reason", "error")
	w.comity(3, "grant-revoked", "de", send...)
	w.comity(0, "", "nl", "dossier", id, "-o", "case.comity")

	w.refusedStory(request("NL-2026-0413"))
	return id
}

// acquisition writes what an examiner says of the exhibits.
func (w *world) acquisition() string {
	c := canaries
	return w.write("acquisition.yaml", fmt.Sprintf(`examiner: %s
laboratory: %s
case: %s
acquisitions:
- exhibit: %s
  device: {serial: %s}
  tool: {name: %s}
  place: %s
  notes: %s
  files: [{path: %s/%s, sha256: %x}]
`, c["examiner of the device"], c["laboratory"], c["number of the laboratory"], c["number of the exhibit"], c["serial number"], c["tool"], c["place"],
		c["notes on the device"], c["name of a folder"], c["name of a file"], sha256.Sum256([]byte(c["content of a file"]))))
}

// acquired sees that all of it came with the exhibits.
func (w *world) acquired(folder string) {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.dir, folder, "*", "acquisition.jsonld"))
	if err != nil || len(found) != 1 {
		w.t.Fatalf("no acquisition data has arrived: %v, %v", found, err)
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		w.t.Fatal(err)
	}
	w.reads(string(b), "examiner of the device", "laboratory", "number of the laboratory", "number of the exhibit", "serial number", "tool", "place", "notes on the device")
}

// refusedStory is a request that a review objects to and that is refused.
func (w *world) refusedStory(id string) {
	c := canaries
	draft := w.comity(0, "", "de", "grant", id, "--draft")
	draft = strings.Replace(draft, "finding: no-objection", "finding: objection", 1)
	draft = strings.Replace(draft, `  text: ""`, "  text: "+c["text of the objecting review"], 1)
	w.reads(draft, "text of the objecting review")
	w.write("g2.yaml", draft+"\n")
	w.comity(0, "", "de", "grant", id, "-f", "g2.yaml")
	w.comity(0, "", "de", "refuse", id, "--ground", "ne-bis-in-idem", "--reasons", c["reasons of the refusal"])
	w.comity(0, "", "nl", "status", id)
}

// openAnnexes decrypts the annexes that a relay kept, with the keys of labs.
func (w *world) openAnnexes(b *bucket, authorities ...string) (list []hay) {
	w.t.Helper()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	var keys []age.Identity
	for _, name := range authorities {
		h, err := agent.OpenHome(filepath.Join(w.dir, name))
		must(err)
		text, err := h.Identity(custody.PartyID(name + "/recipient/lab"))
		must(err)
		ids, err := age.ParseIdentities(strings.NewReader(text))
		must(err)
		keys = append(keys, ids...)
	}
	store, err := w.openStore(b)
	must(err)
	defer store.Close()
	for key, err := range store.List(w.t.Context(), "annexes/") {
		must(err)
		file, _, err := store.Get(w.t.Context(), key, "", 0, -1)
		must(err)
		plain, err := age.Decrypt(file, keys...)
		must(err)
		data, err := io.ReadAll(plain)
		must(err)
		list = append(list, hay{key, data})
		must(file.Close())
	}
	return list
}

// reads wants that a text shows canaries.
func (w *world) reads(text string, what ...string) {
	w.t.Helper()
	for _, name := range what {
		if !strings.Contains(text, canaries[name]) {
			w.t.Fatalf("the %s is not where it can be read:\n%s", name, text)
		}
	}
}
