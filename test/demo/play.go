package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/gateway/objects/s3/s3server"
)

const origin = "relay.example"

// world is one demonstration.
type world struct {
	ctx     context.Context // ends when the demonstration is interrupted
	in, out string
	relay   *process
	s3      bool
	server  *s3server.Server         // with s3: runs until closeBucket
	peaks   map[string]int64         // bytes
	times   map[string]time.Duration // but the relay's

	relayRoot string            // fingerprints
	roots     map[string]string // by authority
	request   string
	pkg       string
}

func (w *world) path(elem ...string) string {
	return filepath.Join(append([]string{w.out}, elem...)...)
}

// play is the whole story.
func (w *world) play() error {
	fmt.Printf("Comity: evidence goes from a lab in de to a lab in nl, under one approved request.\n")
	fmt.Printf("Every line with a $ is a program of its own, as you would start it. All of it is left in\n%s\n", w.out)
	for _, act := range []func() error{w.operator, w.authorities, w.ask, w.transfer, w.prove, w.bucket, w.leave} {
		if err := act(); err != nil {
			return err
		}
		if w.ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	return nil
}

func title(format string, args ...any) { fmt.Printf("\n"+format+"\n", args...) }

// operator makes the relay.
func (w *world) operator() (err error) {
	title("1. An operator makes a relay. It will hold ciphertext and signatures, and no key that opens anything.")
	if err := os.WriteFile(w.path("keys", "passphrase"), []byte(rand.Text()+"\n"), 0o600); err != nil {
		return err
	}
	address, err := freePort()
	if err != nil {
		return err
	}
	flags, err := w.openBucket()
	if err != nil {
		return err
	}
	args := append([]string{"init", "--origin", origin, "--listen", address, "--data", "relay"}, flags...)
	if w.relayRoot, err = w.run("relay", "comity-gateway", args...); err != nil {
		return err
	}
	title("2. Two central authorities make their keys. They exchange fingerprints on paper.")
	w.roots = map[string]string{}
	for _, name := range []string{"nl", "de"} {
		if w.roots[name], err = w.run(name, "comity", "authority", "init", name, "--with", "lab,desk,officer,backup"); err != nil {
			return err
		}
		if _, err := w.run("relay", "comity-gateway", "trust", name, w.roots[name], "--data", "relay"); err != nil {
			return err
		}
	}
	if err := w.probed(); err != nil {
		return err
	}
	if err := w.serve(); err != nil {
		return err
	}
	for name, other := range map[string]string{"nl": "de", "de": "nl"} {
		if _, err := w.run(name, "comity", "trust", other, w.roots[other]); err != nil {
			return err
		}
		if _, err := w.run(name, "comity", "trust", "relay", origin, w.relayRoot, "--address", address); err != nil {
			return err
		}
	}
	return nil
}

// freePort finds a port of the loopback that is free for UDP and TCP.
func freePort() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		address := l.Addr().String()
		u, err := net.ListenPacket("udp", address)
		l.Close()
		if err == nil {
			u.Close()
			return address, nil
		}
	}
	return "", fmt.Errorf("no port of the loopback is free for UDP and TCP")
}

// authorities publish their directories.
func (w *world) authorities() error {
	title("3. Each publishes its directory of offices and keys, signed by two registrars.")
	for _, name := range []string{"nl", "de"} {
		for _, step := range []string{"sign", "publish"} {
			if _, err := w.run(name, "comity", "directory", step); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask is the legal process.
func (w *world) ask() (err error) {
	title("4. nl asks for evidence. The facts and the order are sealed to both authorities; the relay sees their hashes.")
	order, facts := w.path("order.txt"), w.path("facts.txt")
	if err := os.WriteFile(order, []byte("Order of the investigating judge, signed (a sample).\n"), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(facts, []byte("The facts of the case (a sample).\n"), 0o600); err != nil {
		return err
	}
	w.request, err = w.run("nl", "comity", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data",
		"--order", order, "--annex", facts, "--ref", "NL-2026-0412")
	if err != nil {
		return err
	}
	title("5. de examines the request and grants it, to named labs, within bounds, under conditions.")
	draft, err := w.run("de", "comity", "grant", "0412", "--draft")
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.path("grant.yaml"), []byte(draft+"\n"), 0o600); err != nil {
		return err
	}
	if _, err := w.run("de", "comity", "grant", "0412", "-f", "grant.yaml"); err != nil {
		return err
	}
	title("6. nl accepts exactly these conditions. Without this the key to the evidence would not leave de.")
	_, err = w.run("nl", "comity", "accept", "0412")
	return err
}

// transfer moves the package.
func (w *world) transfer() (err error) {
	title("7. The lab in de packs the folder, seals it to the recipients of the grant, and sends it over QUIC.")
	if w.pkg, err = w.run("de", "comity", "send", "0412", w.in, "--final", "--description", "Demonstration"); err != nil {
		return err
	}
	title("8. The lab in nl fetches it, checks every byte, and signs the receipt.")
	if _, err = w.run("nl", "comity", "fetch", "0412", "--into", "fetched"); err != nil {
		return err
	}
	if err := os.Rename(w.path("fetched", w.pkg, "data"), w.path("received")); err != nil {
		return err
	}
	if err := os.Rename(w.path("fetched", w.pkg), w.path("bag")); err != nil {
		return err
	}
	return os.Remove(w.path("fetched"))
}

// prove makes the dossier and has the court's verifier check it.
func (w *world) prove() error {
	title("9. The custody timeline, as the signed log proves it to nl:")
	timeline, err := w.run("nl", "comity", "status", "0412")
	if err != nil {
		return err
	}
	quote(timeline)
	title("10. nl exports a dossier. A court checks it offline, years later, with nothing but the fingerprints.")
	if _, err := w.run("nl", "comity", "dossier", "0412", "-o", "dossier.comity"); err != nil {
		return err
	}
	if err := w.stop(); err != nil {
		return fmt.Errorf("stopping the relay: %w", err)
	}
	if err := w.export(); err != nil {
		return err
	}
	pins := fmt.Sprintf("root nl %s\nroot de %s\nrelay %s %s\n", w.roots["nl"], w.roots["de"], origin, w.relayRoot)
	if err := os.WriteFile(w.path("pins"), []byte(pins), 0o600); err != nil {
		return err
	}
	verdict, err := w.run("court", "comity-verify", "dossier.comity", "--pins", "pins", "--sealed", "package")
	if err != nil {
		return err
	}
	quote(firstLines(verdict, 1))
	title("11. The files that arrived are compared with those that were sent.")
	n, err := same(w.in, w.path("received"))
	if err != nil {
		return err
	}
	fmt.Printf("         %d files and folders, all the same\n", n)
	return nil
}

func firstLines(s string, n int) string {
	lines := strings.SplitN(s, "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

// leave says what is where, and how to open it without Comity.
func (w *world) leave() error {
	h, err := agent.OpenHome(w.path("homes", "nl"))
	if err != nil {
		return err
	}
	identity, err := h.Identity("nl/recipient/lab")
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.path("keys", "recipient.txt"), []byte(strings.TrimSpace(identity)+"\n"), 0o600); err != nil {
		return err
	}
	title("Peak memory of each process, and how long it took:")
	for _, row := range []struct{ who, key string }{
		{"sender (de, comity send)", "de comity send"}, {"relay (comity-gateway run)", "relay"}, {"recipient (nl, comity fetch)", "nl comity fetch"},
		{"dossier (nl, comity dossier)", "nl comity dossier"}, {"court (comity-verify)", "court comity-verify pins"},
	} {
		took := ""
		if t, ok := w.times[row.key]; ok {
			took = fmt.Sprintf("%.1f s", t.Seconds())
		}
		fmt.Printf("  %-30s %10s %4d MiB\n", row.who, took, w.peaks[row.key]>>20)
	}
	title("What is in %s:", w.out)
	kept := "store, database, log"
	if w.s3 {
		kept = "database, log, and versitygw/, where the S3 server keeps the bucket"
		fmt.Println("  bucket.txt          every version of every key in the bucket, with its lock")
	}
	fmt.Printf(`  received/           the files, as they arrived
  bag/                their manifests (BagIt, RFC 8493)
  package/            head, payload, inner.age: all that the relay ever had of them
  keys/recipient.txt  the demonstration's age identity; a real one never leaves its lab
  dossier.comity      what a court checks, with pins
  relay/              everything the relay kept: %s
  homes/              the two authorities' machines

Without Comity, years from now, age and tar open the package:
`, kept)
	fmt.Printf("  cd %s && mkdir opened && set -o pipefail\n", w.out)
	fmt.Printf("  cat package/head package/payload | age -d -i keys/recipient.txt | tar -xif - -C opened\n")
	fmt.Printf("  cd opened/%s && sha256sum -c manifest-sha256.txt\n", w.pkg)
	fmt.Printf("and the dossier is checked again by\n  go run ./cmd/comity-verify %s --pins %s\n", w.path("dossier.comity"), w.path("pins"))
	fmt.Printf("\nEverything verified.\n")
	return nil
}
