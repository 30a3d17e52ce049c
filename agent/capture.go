package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"time"

	"comity.example/comity/agent/internal/capture"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"
)

// CaptureInput reads r to its end, as the content of one file, whose name is a path in
// the package. SendCapture sends it. What stops it before the end leaves nothing.
//
// Whether it may be sent is asked before the first byte is read, so that nobody
// captures for hours what is then refused; of the size that can be said only after.
func (a *Agent) CaptureInput(ctx context.Context, s *Session, request, name string, r io.Reader, opt SendOptions) (*Captured, error) {
	x := &sending{a: a, s: s, request: request, opt: opt, inv: &bag.Inventory{}}
	for _, it := range oneFile(name, a.now()) {
		x.inv.Add(it)
	}
	if err := x.mayCapture(ctx); err != nil {
		return nil, fmt.Errorf("capturing %q: %w", name, err)
	}
	c, err := x.spool(ctx, capture.Info{Name: name}, func(w *capture.Writer) (custody.Time, error) {
		if err := w.Copy(ctx, interruptible(ctx, r), math.MaxInt64, x.reading(w)); err != nil {
			return custody.Time{}, fmt.Errorf("reading standard input: %w", err)
		}
		end := statement.At(a.now())
		for _, it := range oneFile(name, end.Time()) {
			w.Add(it)
		}
		return end, nil
	})
	if err == nil && c.Bytes == 0 {
		fmt.Fprintf(a.out, "standard input was empty: %q is an empty file\n", name)
	}
	return c, err
}

// oneFile lists a file and the folders that it stands in.
func oneFile(name string, at time.Time) (list []bag.Item) {
	for i, c := range name {
		if c == '/' {
			list = append(list, bag.Item{Path: name[:i], Dir: true, ModTime: at.UTC()})
		}
	}
	return append(list, bag.Item{Path: name, ModTime: at.UTC()})
}

// CaptureFolder captures a folder that others write to: each file once, to the length
// that it had when it was opened, or to its end if it has become shorter. What
// vanishes before it is opened is left out and told. SendCapture sends it.
func (a *Agent) CaptureFolder(ctx context.Context, s *Session, request, dir string, opt SendOptions) (_ *Captured, err error) {
	x := &sending{a: a, s: s, request: request, dir: dir, opt: opt}
	left := &leftOut{out: a.out}
	if x.folder, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("capturing %q: %w", dir, err)
	}
	if x.inv, err = bag.ScanLive(dir, func(path string) { left.tell(path, "is gone") }); err != nil {
		return nil, fmt.Errorf("capturing %q: %w", dir, err)
	}
	if err := x.mayCapture(ctx); err != nil {
		return nil, fmt.Errorf("capturing %q: %w", dir, err)
	}
	c, err := x.spool(ctx, capture.Info{Folder: x.folder}, func(w *capture.Writer) (custody.Time, error) {
		err := x.live(ctx, w, left)
		return statement.At(a.now()), err
	})
	left.sum()
	return c, err
}

// live reads the files of a folder, each as it is when its turn comes. Folders are as
// they were listed.
func (x *sending) live(ctx context.Context, w *capture.Writer, left *leftOut) error {
	src, err := bag.OpenFolder(x.dir)
	if err != nil {
		return err
	}
	defer src.Close()
	each := x.reading(w)
	for it := range x.inv.Items() {
		if it.Dir {
			w.Add(it)
			continue
		}
		f, now, err := src.OpenLive(it)
		var changed *bag.ChangedError
		if errors.As(err, &changed) {
			left.tell(it.Path, changed.What)
			continue
		}
		if err != nil {
			return err
		}
		err = w.Copy(ctx, f, now.Size, each)
		f.Close() // nothing was written
		if err != nil {
			return fmt.Errorf("reading %q: %w", it.Path, err)
		}
		w.Add(now)
	}
	return nil
}

// leftOut tells what a capture has not.
type leftOut struct {
	out io.Writer
	n   int
}

func (l *leftOut) tell(path, what string) {
	if l.n++; l.n <= maxTold {
		fmt.Fprintf(l.out, "left out: %q %s since the folder was listed\n", path, what)
	}
}

func (l *leftOut) sum() {
	if n := l.n - maxTold; n > 0 {
		fmt.Fprintf(l.out, "left out: %d more\n", n)
	}
}

// mayCapture checks all that can be known before the input is read: what is said of it,
// its name, and whether the rules let it be sent, with the size that it has by now.
func (x *sending) mayCapture(ctx context.Context) error {
	if err := custody.CheckInnerText(x.opt.Description, x.opt.Examiner, x.opt.Handling); err != nil {
		return err
	}
	if err := x.a.sweepCaptures(x.request); err != nil {
		return err
	}
	plan, err := bag.NewPlan(custody.PackageID([16]byte{}), x.inv, x.fields())
	if err != nil {
		return err
	}
	x.plain = seal.Padme(plan.Size())
	if x.opt.Acquisition != nil {
		if err := (&acquiring{x: x, cfg: x.opt.Acquisition}).find(); err != nil {
			return err
		}
	}
	err = x.permitted(ctx)
	if err != nil {
		x.ended(ctx, wire.CodeOf(err))
	}
	return err
}

// spool makes a capture of what read gives, which also says when it has read the last
// byte. If anything stops it, nothing is left: half of an input is none. If we crash,
// the next send of the request removes it.
func (x *sending) spool(ctx context.Context, info capture.Info, read func(*capture.Writer) (custody.Time, error)) (*Captured, error) {
	key, err := x.a.home.journalKey()
	if err != nil {
		return nil, err
	}
	var random [16]byte
	rand.Read(random[:]) // never fails, see crypto/rand
	id := custody.PackageID(random)
	info.Started = statement.At(x.a.now())
	w, err := capture.Create(x.a.home.captureDir(x.request, id), key.Recipient(), info)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("capturing: %w", err), capture.Remove(x.a.home.captureDir(x.request, id)))
	}
	i, err := x.fill(ctx, w, id, read)
	if err == nil {
		return captured(id, i), nil
	}
	err = fmt.Errorf("capturing: %w; %d bytes were read into %q, which is removed; nothing was sent", err, w.Bytes(), w.Path())
	if ctx.Err() != nil { // of an interrupt nobody is told the error
		fmt.Fprintf(x.a.out, "the capture was interrupted after %d bytes and is removed; nothing was sent\n", w.Bytes())
	}
	if gone := w.Abort(); gone != nil {
		err = errors.Join(err, gone)
	}
	return nil, err
}

func (x *sending) fill(ctx context.Context, w *capture.Writer, id string, read func(*capture.Writer) (custody.Time, error)) (*capture.Info, error) {
	if err := x.a.home.saveWords(x.request, id, x.opt); err != nil {
		return nil, err
	}
	end, err := read(w)
	if err != nil {
		return nil, err
	}
	return w.Complete(ctx, end)
}

// reading tells how far a capture is. How much there is, nobody knows.
func (x *sending) reading(w *capture.Writer) func() {
	return func() { x.a.progress(Progress{Act: "capturing", Done: w.Bytes(), Files: x.inv.Files()}) }
}

// interruptible is r until ctx ends. A read from standard input cannot be broken off,
// so a goroutine reads, and is left behind with its buffer if that is in the middle of
// one.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	from, to := io.Pipe()
	stop := context.AfterFunc(ctx, func() { to.CloseWithError(context.Cause(ctx)) })
	go func() {
		defer stop()
		_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{r}, make([]byte, 256<<10))
		to.CloseWithError(err)
	}()
	return from
}
