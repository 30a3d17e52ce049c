package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// folderVariable makes the test program a relay in a process of its own, which can
// be killed.
const folderVariable = "COMITY_TEST_RELAY"

func TestMain(m *testing.M) {
	folder := os.Getenv(folderVariable)
	if folder == "" {
		os.Exit(m.Run())
	}
	if err := runRelay(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runRelay runs the relay of a folder until standard input ends.
func runRelay(folder string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var changes []func(*gateway.Config)
	if _, err := os.Stat(filepath.Join(folder, bucketFile)); err == nil {
		change, closeAll, err := openBucket(ctx, folder)
		if err != nil {
			return err
		}
		defer closeAll()
		changes = append(changes, change)
	}
	g, closeAll, err := openRelay(ctx, folder, changes...)
	if err != nil {
		return err
	}
	defer closeAll()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	fmt.Println(g.Addr())
	return g.Serve(ctx)
}

// startApart runs the relay in a process that kills itself at a point. The function
// returned waits until it is dead, by that signal and no other end.
func (w *world) startApart(point ledger.Point) (died func()) {
	w.t.Helper()
	died, ready := w.launch(point)
	if !ready {
		w.t.Fatalf("the relay died at %s before it served", point)
	}
	return died
}

// dieStarting runs the relay in a process that kills itself at a point before it
// serves: while it finishes what an earlier one left.
func (w *world) dieStarting(point ledger.Point) {
	w.t.Helper()
	died, ready := w.launch(point)
	if ready {
		w.t.Fatalf("the relay came past %s and serves", point)
	}
	died()
}

// launch runs the relay in a process of its own until it serves or is dead.
func (w *world) launch(point ledger.Point) (died func(), ready bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*patience) // from its start to its death
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), folderVariable+"="+w.dir, ledger.CrashVariable+"="+string(point))
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe()
	check(w.t, err)
	out, err := cmd.StdoutPipe()
	check(w.t, err)
	check(w.t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if ready = err == nil; ready {
		w.addr = line[:len(line)-1]
	}
	w.stop = func() { cancel(); cmd.Wait() }
	return func() {
		w.t.Helper()
		err := cmd.Wait()
		if ctx.Err() != nil || !killed(err) {
			w.t.Fatalf("the relay did not kill itself at %s: %v", point, err)
		}
		cancel()
		w.stop = func() {}
	}, ready
}

// killed reports whether a process ended by SIGKILL. Windows does not tell.
func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	s, ok := exit.Sys().(syscall.WaitStatus)
	return runtime.GOOS == "windows" || ok && s.Signaled() && s.Signal() == syscall.SIGKILL
}

// TestCrashDuringDeposit kills the relay at each step between the seal and its
// proof. After the next start there is one deposit, its payload is locked, and the
// sender gets the proof by asking again.
func TestCrashDuringDeposit(t *testing.T) {
	for _, point := range []ledger.Point{ledger.SealFrozen, ledger.SealReadBack, ledger.SealEntry} {
		t.Run(filepath.Base(string(point)), func(t *testing.T) {
			w := newRelay(t)
			s := w.agreed()
			c := w.as(w.nl.lab)
			b := s.pack()
			s.reserve(c, b)
			s.upload(c, b)
			b.seal = sign(t, s.sealBody(b), w.nl.lab.key)
			w.stop()
			died := w.startApart(point)
			// Over TCP a client hears of a dead process at once.
			if _, err := w.over(w.nl.lab, link.H2).Seal(t.Context(), b.id, b.epoch, b.seal.Envelope); err == nil {
				t.Error("the relay answered after its death")
			}
			died()

			w.start()
			c = w.as(w.nl.lab)
			st, err := c.Package(t.Context(), b.id)
			check(t, err)
			if st.State != wire.StateSealed {
				t.Errorf("after the start the package is %s", st.State)
			}
			p, err := c.Seal(t.Context(), b.id, b.epoch, b.seal.Envelope)
			check(t, err)
			s.after = s.proven(p, s.request.SHA256)
			book := w.replay(c, s.id())
			if list := book.Record(s.id()).Case().Packages; len(list) != 1 || list[0].Package != b.id {
				t.Errorf("the record has %d packages", len(list))
			}
			w.stop()
			w.locked(p)
			w.clean()
		})
	}
}

// locked checks that the objects of a deposit are under COMPLIANCE.
func (w *world) locked(p *wire.Proof) {
	w.t.Helper()
	e, err := custody.ParseEntry(p.Line.Entry)
	check(w.t, err)
	store, err := dir.New(filepath.Join(w.dir, "store"))
	check(w.t, err)
	defer store.Close()
	for _, o := range e.Deposit.Objects {
		info, err := store.Stat(w.t.Context(), o.Key, o.Version)
		check(w.t, err)
		if info.Mode != objects.Compliance || info.RetainUntil.Before(inDays(29).Time()) || info.Size != o.Size {
			w.t.Errorf("object %q is %+v", o.Key, info)
		}
	}
}

// TestCrashAfterUnlock kills the relay between the entry of the unlock and the
// storing of the head. The head is not here after the start; the sender, who has
// no answer, repeats the call, and it is.
func TestCrashAfterUnlock(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	s.accepted()
	c := w.as(w.nl.lab)
	b := s.pack()
	s.reserve(c, b)
	s.upload(c, b)
	b.seal = sign(t, s.sealBody(b), w.nl.lab.key)
	p, err := c.Seal(t.Context(), b.id, b.epoch, b.seal.Envelope)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	unlock := s.unlockOf(b, p.Checkpoint)
	w.stop()
	died := w.startApart(ledger.UnlockEntry)
	if _, err := w.over(w.nl.lab, link.H2).Unlock(t.Context(), b.id, unlock.Envelope, b.head, b.inner); err == nil {
		t.Error("the relay answered after its death")
	}
	died()

	w.start()
	taker := w.as(w.fr.lab)
	_, err = taker.Release(t.Context(), b.id, s.releaseOf(b, s.acceptance.SHA256).Envelope)
	check(t, err)
	_, err = taker.Head(t.Context(), b.id)
	refused(t, "head that is not here yet", err, wire.CodeBusy)
	w.stop()
	w.finds("before the unlock is repeated", w.check(nil), "head-missing", "head-missing")
	w.start()
	taker = w.as(w.fr.lab)
	_, err = w.as(w.nl.lab).Unlock(t.Context(), b.id, unlock.Envelope, b.head, b.inner)
	check(t, err)
	s.fetch(taker, b)
	w.stop()
	w.clean()
}

// database changes the relay's database while it does not run.
func (w *world) database(f func(*records.Tx) error) {
	w.t.Helper()
	db, err := sqlite.Open(filepath.Join(w.dir, "relay.db"))
	check(w.t, err)
	check(w.t, db.Update(w.t.Context(), f))
	check(w.t, db.Close())
}

// TestRefusedAtTheEnd: two packages are frozen with the same delivery number. The
// rules take one; the other is open again, and its sender brings another seal.
func TestRefusedAtTheEnd(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	c := w.as(w.nl.lab)
	first, second := s.pack(), s.pack()
	for _, b := range []*bundle{first, second} {
		s.reserve(c, b)
		s.upload(c, b)
		b.seal = sign(t, s.sealBody(b), w.nl.lab.key)
	}
	p, err := c.Seal(t.Context(), first.id, first.epoch, first.seal.Envelope)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	w.stop()
	w.database(func(tx *records.Tx) error {
		// As a process leaves it that died after the first transaction.
		ok, err := tx.Freeze(second.id, second.epoch, second.seal.Envelope)
		if !ok {
			t.Error("the package was not open")
		}
		return err
	})

	w.start()
	c = w.as(w.nl.lab)
	st, err := c.Package(t.Context(), second.id)
	check(t, err)
	if st.State != wire.StateOpen || !bytes.Equal(st.Present, []byte{0b111}) {
		t.Fatalf("the package is %s with parts %b", st.State, st.Present)
	}
	w.stop()
	if notes := w.clean().Notes; len(notes) != 2 { // it is open, and its payload whole
		t.Errorf("notes %v", notes)
	}
	w.start()
	c = w.as(w.nl.lab)
	body := s.sealBody(second)
	body.Delivery = 2
	second.seal = sign(t, body, w.nl.lab.key)
	p, err = c.Seal(t.Context(), second.id, second.epoch, second.seal.Envelope)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	if n := len(w.replay(c, s.id()).Record(s.id()).Case().Packages); n != 2 {
		t.Errorf("the record has %d packages", n)
	}
	w.stop()
	w.clean()
}

// TestUnfinishedReservation: a process died after the row of a reservation. The next
// start makes the reservation whole; its sender, who was not told, asks again and
// gets it, or gives it up, and it does not use the grant up.
func TestUnfinishedReservation(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	w.stop()
	id := custody.PackageID([16]byte{1, 2, 3})
	w.database(func(tx *records.Tx) error {
		return tx.InsertPackage(records.Package{ID: id, Request: string(s.id()), Grant: s.grant.SHA256, Agent: w.nl.lab.id, Epoch: 1,
			State: records.Open, PayloadSize: seal.PayloadSize(90 << 20), Parts: 13, Created: now()})
	})
	w.start()
	c := w.as(w.nl.lab)
	st, err := c.Package(t.Context(), id)
	check(t, err)
	if st.State != wire.StateOpen {
		t.Errorf("it is %s", st.State)
	}
	r, err := c.Reserve(t.Context(), wire.Reserve{Package: id, Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: seal.PayloadSize(90 << 20)})
	check(t, err)
	if r.Package != id || r.Epoch != 2 {
		t.Errorf("asked again: %+v", r)
	}
	check(t, c.Abandon(t.Context(), id, r.Epoch))
	s.reserve(c, &bundle{size: seal.PayloadSize(80 << 20)})
	w.stop()
	w.clean()
}

// TestSecondStart: the log, the parties and an upload survive an orderly end.
func TestSecondStart(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	c := w.as(w.nl.lab)
	b := s.pack()
	s.reserve(c, b)
	check(t, c.PutPart(t.Context(), b.id, b.epoch, 1, b.sums[1], b.parts[1]))
	w.stop()
	g := w.start()
	if g.Size() != 11 { // descriptor, probed, three roots and directories, request, review, grant
		t.Errorf("the log has %d entries", g.Size())
	}
	c = w.as(w.nl.lab)
	s.upload(c, b)
	b.seal = sign(t, s.sealBody(b), w.nl.lab.key)
	_, err := c.Seal(t.Context(), b.id, b.epoch, b.seal.Envelope)
	check(t, err)
	w.replay(c, s.id())
	w.stop()
	w.clean()
}
