package command_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/cmd/comity-witness/command"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/witness"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run runs one command line.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = command.Run(t.Context(), args, &out, &errs, time.Now)
	return code, out.String(), errs.String()
}

// made makes a witness and returns its folder and its enrolment.
func made(t *testing.T) (data string, e *custody.Enrolment) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	code, out, errs := run(t, "init", "nl/witness/1", "--listen", "127.0.0.1:0", "--data", data)
	if code != 0 {
		t.Fatalf("init: %d %s", code, errs)
	}
	e, _, err := custody.ParseEnrolment([]byte(out))
	check(t, err)
	return data, e
}

// described returns a relay's log key, its descriptor and its fingerprint.
func described(t *testing.T) (log *translog.LogSigner, file, fingerprint string) {
	t.Helper()
	secret, key, err := translog.GenerateLog("relay.example")
	check(t, err)
	log, err = translog.ParseLog(secret, "relay.example")
	check(t, err)
	ed, ml := key.Strings()
	root := keys.Generate()
	b := &custody.Relay{
		Header: custody.Header{Relay: "relay.example", By: "relay.example", Issued: statement.At(time.Now())}, Version: 1, RootThreshold: 1,
		RootKeys: []string{root.Public().String()}, Key: keys.Generate().Public().String(), LogKey: ed, LogMLDSAKey: ml,
		TLS: []custody.Digest{{1}}, Addresses: []string{"127.0.0.1:1"},
	}
	s, err := custody.Sign(b, root)
	check(t, err)
	file = filepath.Join(t.TempDir(), "descriptor.json")
	check(t, os.WriteFile(file, s.Envelope, 0o600))
	return log, file, b.Fingerprint().String()
}

// serving runs the witness of a folder, and returns its address and what stops it.
func serving(t *testing.T, data string) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, errs := &lines{ready: make(chan struct{})}, &bytes.Buffer{}
	done := make(chan int, 1)
	go func() { done <- command.Run(ctx, []string{"serve", "--data", data}, out, errs, time.Now) }()
	select {
	case <-out.ready:
	case code := <-done:
		t.Fatalf("serve ended with %d: %s", code, errs)
	}
	stop = func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("serve ended with %d: %s", code, errs)
		}
	}
	_, address, _ := strings.Cut(strings.TrimSpace(out.String()), " listens on ")
	return "http://" + address, stop
}

// lines tells when a line has been written.
type lines struct {
	bytes.Buffer
	once  sync.Once
	ready chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	n, err := l.Buffer.Write(b)
	l.once.Do(func() { close(l.ready) })
	return n, err
}

// TestWitness is the life of a witness: made, given a relay, run, restored from a copy.
func TestWitness(t *testing.T) {
	data, e := made(t)
	log, descriptor, fp := described(t)
	code, entry, errs := run(t, "log", descriptor, "--fingerprint", fp)
	if code != 0 {
		t.Fatalf("log: %d %s", code, errs)
	}
	file := filepath.Join(data, "witness.yaml")
	b, err := os.ReadFile(file)
	check(t, err)
	check(t, os.WriteFile(file, []byte(strings.Replace(string(b), "logs: []\n", "logs:\n"+entry, 1)), 0o600))

	url, stop := serving(t, data)
	if code, _, errs := run(t, "serve", "--data", data); code != 1 || !strings.Contains(errs, "stop the witness first") {
		t.Errorf("a second witness on one folder: %d %s", code, errs)
	}
	c := translog.Checkpoint{Origin: "relay.example", Size: 1, Root: [32]byte{1}}
	msg, err := translog.Sign(c, log, time.Now())
	check(t, err)
	answer, err := witness.Add(t.Context(), witness.NewClient(), url, &witness.Request{Note: msg})
	check(t, err)
	stop()

	var own []*translog.CosignerKey
	for _, k := range e.Cosigners {
		k, err := translog.ParseCosignerKey(k.Key)
		check(t, err)
		own = append(own, k)
	}
	cosigned, err := translog.OpenCosigned(append(msg, answer...), log.Key(), own...)
	if err != nil || len(cosigned.Cosignatures) != 2 {
		t.Fatalf("the keys of the enrolment do not open what the witness signed: %v", err)
	}
	code, shown, errs := run(t, "show", "--data", data)
	if code != 0 || !strings.Contains(shown, "# log relay.example: cosigned up to size 1") {
		t.Errorf("show: %d %s%s", code, shown, errs)
	}
	p, err := translog.ParsePolicy([]byte(shown + "quorum nl/witness/1\n"))
	check(t, err)
	if _, ok := p.Evaluate(cosigned.Cosignatures); !ok {
		t.Error("the lines that show prints are not a policy that its cosignatures satisfy")
	}

	// The state of before the relay was seen, as from a copy.
	heads, err := filepath.Glob(filepath.Join(data, "state", "*.json"))
	check(t, err)
	check(t, os.Remove(heads[0]))
	note := filepath.Join(t.TempDir(), "note.txt")
	check(t, os.WriteFile(note, msg, 0o600))
	if code, _, _ := run(t, "catchup", note, "--data", data); code != 4 {
		t.Errorf("catchup with a note that is not cosigned: %d", code)
	}
	check(t, os.WriteFile(note, cosigned.Note(), 0o600))
	if code, out, errs := run(t, "catchup", note, "--data", data); code != 0 || out != "relay.example: from size 0 to 1\n" {
		t.Errorf("catchup: %d %s%s", code, out, errs)
	}
	url, stop = serving(t, data)
	defer stop()
	c.Root[0]++
	fork, err := translog.Sign(c, log, time.Now())
	check(t, err)
	var conflict *witness.Conflict
	if _, err := witness.Add(t.Context(), witness.NewClient(), url, &witness.Request{Note: fork}); !errors.As(err, &conflict) || conflict.Size != 1 {
		t.Errorf("a fork after the state was restored: %v", err)
	}
}

func TestWrong(t *testing.T) {
	data, _ := made(t)
	_, descriptor, fp := described(t)
	other := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, r := range []struct {
		code int
		args []string
	}{
		{2, nil},
		{2, []string{"init", "nl/agent/1", "--listen", "127.0.0.1:0", "--data", data + "2"}},
		{2, []string{"init", "nl/witness/1", "--data", data + "2"}},
		{1, []string{"init", "nl/witness/1", "--listen", "127.0.0.1:0", "--data", data}},
		{2, []string{"log", descriptor}},
		{2, []string{"log", descriptor, "--fingerprint", other}},
		{4, []string{"log", descriptor, "--fingerprint", strings.Repeat("00", 32)}},
		{4, []string{"log", filepath.Join(data, "enrolment.json"), "--fingerprint", fp}},
		{1, []string{"log", descriptor + "x", "--fingerprint", fp}},
		{2, []string{"serve"}},
		{1, []string{"serve", "--data", data + "3"}},
		{2, []string{"serve", "--wrong"}},
	} {
		if code, out, errs := run(t, r.args...); code != r.code || out != "" || !strings.HasPrefix(errs, "comity-witness: error: ") {
			t.Errorf("%q: %d, %q, %q, want %d", r.args, code, out, errs, r.code)
		}
	}
	check(t, os.RemoveAll(filepath.Join(data, "state")))
	if code, _, errs := run(t, "serve", "--data", data); code != 1 || !strings.Contains(errs, "retire this witness") {
		t.Errorf("without its state: %d %s", code, errs)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"init", "--help"}, {"log", "--help"}, {"serve", "--help"}, {"show", "--help"}, {"catchup", "--help"}} {
		code, out, _ := run(t, args...)
		lines := strings.Split(out, "\n")
		if code != 0 || len(lines) > 40 {
			t.Errorf("%q: %d, %d lines", args, code, len(lines))
		}
		for _, l := range lines {
			if len(l) > 100 {
				t.Errorf("%q: a line of %d characters: %s", args, len(l), l)
			}
		}
	}
}
