package test_test

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
	"comity.example/comity/test/need"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	_ "modernc.org/sqlite"
)

// public reads a public resource of the relay as any third-party tool would: over
// HTTP/2, without a client certificate.
func (w *world) public(path string) (int, []byte, error) {
	w.t.Helper()
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}}}
	defer c.CloseIdleConnections()
	resp, err := c.Get("https://" + w.address + path)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// cosigned waits for a cosigned note of at least that size.
func (w *world) cosigned(p *translog.Policy, size int64) translog.Cosigned {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		status, b, err := w.public("/log/cosigned")
		if err != nil || status == http.StatusNotFound { // it starts, or asks
			continue
		}
		c, err := translog.OpenCosignedExact(b, w.logKey(), p.Keys()...)
		if err != nil {
			w.t.Fatal(err)
		}
		if c.Size >= size {
			return c
		}
	}
	said, _ := os.ReadFile(filepath.Join(w.dir, "relay", "relay.log"))
	w.t.Fatalf("the relay has no cosigned checkpoint of %d entries:\n%s", size, said[max(0, len(said)-3000):])
	return translog.Cosigned{}
}

// descriptor reads the relay's descriptor from its folder.
func (w *world) descriptor() *custody.Relay {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "relay", "descriptor.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := custody.ParseStatement(b)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Body.(*custody.Relay)
}

func (w *world) logKey() *translog.LogKey {
	w.t.Helper()
	d := w.descriptor()
	k, err := translog.ParseLogKey(d.LogKey, d.LogMLDSAKey, d.By)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

// setting changes a line of a settings file.
func (w *world) setting(file, old, line string) {
	w.t.Helper()
	path := filepath.Join(w.dir, file)
	b, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(b, []byte(old)) {
		w.t.Fatalf("%q has no line %q: %v", file, old, err)
	}
	w.write(file, strings.Replace(string(b), old, line, 1))
}

// witness makes a witness of an authority that knows the relay, and runs it at an
// address until the test ends or stops it.
func (w *world) witness(id, data string) (url string, stop func()) {
	w.t.Helper()
	address := freePort(w.t)
	typed := w.witnessRunbook(id, address, data)
	w.write(data+".enrol", w.run(0, "is ready", typed[0]...)+"\n")
	w.setting(filepath.Join(data, "witness.yaml"), "logs: []\n", "logs:\n  "+w.run(0, "", typed[1]...)+"\n")
	return "http://" + address, w.background(typed[2]...)
}

// witnessRunbook returns the lines of the chapter on witnesses in docs/operating.md,
// which are typed here as they stand there but for names and places.
func (w *world) witnessRunbook(id, address, data string) (typed [][]string) {
	w.t.Helper()
	doc, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		w.t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "\n## A witness\n")
	text, _, _ = strings.Cut(text, "\n## ")
	replace := strings.NewReplacer("nl/witness/1", id, "127.0.0.1:4480", address, "/var/lib/comity-witness", data, "RELAY-FP", w.roots["relay"], "descriptor.json", "relay/descriptor.json")
	var words []string
	for line := range strings.Lines(text) {
		command, ok := strings.CutPrefix(line, "    ")
		if !ok {
			continue
		}
		command, _, _ = strings.Cut(command, "#")
		command, _, _ = strings.Cut(command, ">") // the test keeps what is printed
		args := strings.Fields(replace.Replace(command))
		typed, words = append(typed, args), append(words, args[1])
	}
	if got := strings.Join(words, " "); got != "init log serve show" {
		w.t.Fatalf("the chapter on witnesses types %q", got)
	}
	return typed
}

// background runs a program until the test ends or stops it. It runs once it has said
// a line.
func (w *world) background(args ...string) (stop func()) {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(programs, args[0]), args[1:]...)
	if filepath.IsAbs(args[0]) {
		cmd = exec.Command(args[0], args[1:]...)
	}
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	go func() {
		for lines.Scan() { // so that it never waits for a reader
		}
	}()
	stop = sync.OnceFunc(func() {
		cmd.Process.Signal(os.Interrupt)
		timer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer timer.Stop()
		cmd.Wait()
	})
	w.t.Cleanup(stop)
	return stop
}

// watched runs the relay again with a witness policy.
func (w *world) watched(policy string) *translog.Policy {
	w.t.Helper()
	p, err := translog.ParsePolicy([]byte(policy))
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("relay/witnesses", policy)
	w.setting("relay/gateway.yaml", `witness_policy: ""`, "witness_policy: witnesses")
	w.serve()
	return p
}

// TestWitnessedRelay: the programs as operators run them. Two States' witnesses cosign
// a relay's log; one that is away for a while is missed by nobody, and a relay that
// is set back does not start.
func TestWitnessedRelay(t *testing.T) {
	t.Parallel()
	w := prepare(t, nil, "nl", "de")
	policy := ""
	var stops []func()
	for _, name := range []string{"nl", "de"} {
		url, stop := w.witness(name+"/witness/1", "witness-"+name)
		for line := range strings.Lines(w.run(0, "", w.witnessRunbook("", "", "witness-"+name)[3]...) + "\n") {
			if strings.HasPrefix(line, "witness ") {
				line = strings.TrimSuffix(line, "\n") + " " + url + "\n"
			}
			policy += line
		}
		stops = append(stops, stop)
	}
	p := w.watched(policy + "group both all nl/witness/1 de/witness/1\nquorum both\n")
	c := w.cosigned(p, 1)
	if len(c.Cosignatures) != 4 {
		t.Errorf("%d cosignatures, want two of each witness", len(c.Cosignatures))
	}
	if _, ok := p.Evaluate(c.Cosignatures); !ok {
		t.Error("the relay shows a note that does not satisfy its policy")
	}
	// One witness is away: acts go on, and are cosigned when it is back.
	stops[1]()
	for _, name := range []string{"nl", "de"} {
		w.comity(0, "", name, "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
		w.comity(0, "", name, "directory", "add", "witness-"+name+".enrol")
		w.comity(0, "", name, "directory", "sign")
		w.comity(0, "", name, "directory", "publish")
	}
	w.background("comity-witness", "serve", "--data", "witness-de")
	c = w.cosigned(p, c.Size+4)
	// The newest checkpoint is shown with its cosignatures, and agents read it so.
	_, shown, err := w.public("/log/checkpoint")
	if err != nil || !bytes.Equal(shown, c.Note()) {
		t.Errorf("the newest checkpoint is shown without cosignatures: %v", err)
	}
	w.comity(0, "", "nl", "request", "list")
	if listed := w.comity(0, "", "nl", "directory", "show"); !strings.Contains(listed, "nl/witness/1") {
		t.Errorf("the directory does not list the witness:\n%s", listed)
	}
	status, b, err := w.public(fmt.Sprintf("/v1/cosigned?index=%d", c.Size-1))
	var around wire.Cosigned
	if err == nil {
		err = json.Unmarshal(b, &around)
	}
	if status != 200 || err != nil || around.Before == nil || around.After == nil {
		t.Errorf("around the last entry: %d %v %.300s", status, err, b)
	}
	w.stop()
	w.run(0, "", "comity-gateway", "fsck", "--data", "relay")
	if said := w.run(0, "", "comity-gateway", "check", "--data", "relay"); !strings.Contains(said, fmt.Sprintf("cosigned up to %d entries", c.Size)) {
		t.Errorf("check says\n%s", said)
	}
}

// TestLitewitness: the witness of another hand, torchwood's litewitness, cosigns the
// log of our relay. Its Ed25519 key is in an SSH agent, and the log in its database.
func TestLitewitness(t *testing.T) {
	t.Parallel()
	program := os.Getenv("COMITY_TEST_LITEWITNESS")
	if program == "" {
		need.Missing(t, "COMITY_TEST_LITEWITNESS does not name litewitness, filippo.io/torchwood/cmd/litewitness@v0.9.0")
	}
	w := prepare(t, nil, "nl")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := w.sshAgent(private)
	db := filepath.Join(w.dir, "litewitness.db")
	w.knownLog(db, w.descriptor())
	address := freePort(t)
	w.background(program, "-name", "example.com/witness", "-db", db, "-ssh-agent", filepath.Join(w.dir, "agent"), "-key", fingerprint, "-listen", address)
	vkey := cosignatureKey("example.com/witness", public)
	p := w.watched("witness lite " + vkey + " http://" + address + "\nquorum lite\n")
	first := w.cosigned(p, 1)
	w.comity(0, "", "nl", "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
	w.comity(0, "", "nl", "directory", "sign")
	w.comity(0, "", "nl", "directory", "publish")
	if c := w.cosigned(p, first.Size+1); len(c.Cosignatures) != 1 || c.Cosignatures[0].Key.Name() != "example.com/witness" {
		t.Errorf("cosignatures %v", c.Cosignatures)
	}
}

// sshAgent serves a key on the socket "agent", and returns its fingerprint.
func (w *world) sshAgent(private ed25519.PrivateKey) string {
	w.t.Helper()
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		w.t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(w.dir, "agent"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, c)
		}
	}()
	key, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	return ssh.FingerprintSHA256(key)
}

// knownLog makes litewitness's database with one log, as its witnessctl would.
func (w *world) knownLog(path string, d *custody.Relay) {
	w.t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{
		"CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL)",
		"CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin))",
		"INSERT INTO log VALUES ('" + d.By + "', 0, '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=')",
		"INSERT INTO key VALUES ('" + d.By + "', '" + d.LogKey + "')",
	} {
		if _, err := db.Exec(q); err != nil {
			w.t.Fatal(err)
		}
	}
}

// cosignatureKey spells the vkey of an Ed25519 cosigner, C2SP tlog-cosignature.
func cosignatureKey(name string, public ed25519.PublicKey) string {
	raw := append([]byte{4}, public...)
	id := sha256.Sum256(append([]byte(name+"\n"), raw...))
	return fmt.Sprintf("%s+%x+%s", name, id[:4], base64.StdEncoding.EncodeToString(raw))
}
