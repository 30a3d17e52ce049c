package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"comity.example/comity/agent/internal/quarantine"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/room"
	"comity.example/comity/internal/wire"
)

// SpaceError says that a package does not fit where it should go.
type SpaceError struct {
	Folder     string
	Free       int64 // bytes
	Ciphertext int64 // that have not landed yet
	Files      int64 // bytes, with what each file costs the file system
}

// Error gives the figures, in bytes.
func (e *SpaceError) Error() string {
	return fmt.Sprintf("%q has %d bytes free; %d are needed: %d for what is still to arrive, %d for the files in it",
		e.Folder, e.Free, e.Ciphertext+e.Files, e.Ciphertext, e.Files)
}

const (
	// fileRoom is what a file or folder may take beyond its bytes: half a block on
	// average, its name, its inode, its line in the manifest.
	fileRoom = 4 << 10
	// spareRoom is what everything else may take.
	spareRoom = 1 << 20
)

// land opens the landing of the package and makes sure that all will fit. The home
// knows where before anything is there, so that it is found again and removed.
func (x *fetching) land() (*quarantine.Landing, error) {
	p, err := x.state(stateFetching)
	if err != nil {
		return nil, err
	}
	if err := x.a.home.savePackage(p, nil); err != nil {
		return nil, err
	}
	l, err := quarantine.Land(x.into, x.pkg.Package, x.pkg.PayloadSize)
	if err != nil {
		return nil, err
	}
	if err := x.room(l); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// state is what the home keeps of the package. Its path is absolute: the next try
// may begin in another working folder.
func (x *fetching) state(s string) (packageFile, error) {
	path, err := filepath.Abs(x.target())
	return packageFile{Package: x.pkg.Package, Request: x.request, Side: sideRecipient, State: s, Agent: x.s.ID, Path: path}, err
}

// room checks the free space. A quota or another program may still fill the disk on
// the way; then what has landed stays, and the files are removed.
func (x *fetching) room(l *quarantine.Landing) error {
	free, err := room.Free(x.into)
	if err != nil {
		return err
	}
	e := &SpaceError{Folder: x.into, Free: free, Ciphertext: x.pkg.PayloadSize - l.Held(),
		Files: x.inner.Bytes + min(x.inner.Files, bag.MaxItems)*fileRoom + spareRoom}
	if e.Ciphertext > e.Free-e.Files {
		return e
	}
	return nil
}

// stray removes what an earlier try has left in another folder.
func (x *fetching) stray(p *packageFile) error {
	if p == nil || !p.underway() {
		return nil
	}
	old := filepath.Dir(p.Path)
	was, err := os.Stat(old)
	if err != nil {
		return nil // gone, or on a disk that is not here: nothing to be removed
	}
	is, err := os.Stat(x.into)
	if err != nil || os.SameFile(was, is) {
		return err
	}
	return quarantine.Drop(old, x.pkg.Package)
}

// abandon forgets a package that can never be finished, or of which nothing has
// landed. What has landed of any other stays for the next try.
func (x *fetching) abandon(cause error) error {
	p, err := x.a.home.loadPackage(x.request, x.pkg.Package)
	if err != nil || p == nil || p.State != stateFetching {
		return err
	}
	var bad *badPackage
	if !errors.As(cause, &bad) && !over(wire.CodeOf(cause)) && quarantine.Landed(x.into, x.pkg.Package) {
		return nil
	}
	return x.a.forget(*p)
}

// over reports whether a refusal ends a package for good.
func over(c custody.Code) bool {
	return c == custody.CodeGrantRevoked || c == custody.CodeRequestEnded || c == custody.CodeGrantLapsed || c == custody.CodePackageRecalled
}

// forget removes what has landed of a package, then that it was on its way. If we
// crash in between, the next fetch finds nothing and forgets it.
func (a *Agent) forget(p packageFile) error {
	if err := quarantine.Drop(filepath.Dir(p.Path), p.Package); err != nil {
		return err
	}
	return a.home.dropPackage(p.Request, p.Package)
}

// sweep forgets the packages of a request that were on their way and will not be
// fetched any more: rejected, recalled, revoked or ended since.
func (a *Agent) sweep(c *custody.Case, request string) error {
	list, err := a.home.packages(request)
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range list {
		if p.underway() && !awaited(c.Package(p.Package), p.Agent) {
			failed = append(failed, a.forget(p))
		}
	}
	return errors.Join(failed...)
}

// underway reports whether a package was being fetched when a process stopped.
func (p *packageFile) underway() bool {
	if p.Side != sideRecipient {
		return false
	}
	_, err := os.Lstat(p.Path)
	return p.State == stateFetching || p.State == stateVerified && errors.Is(err, fs.ErrNotExist)
}

// awaited reports whether an agent may still fetch a package.
func awaited(p *custody.PackageState, by custody.PartyID) bool {
	if p == nil || p.Grant.Over() || p.Recall != nil {
		return false
	}
	r := p.Released(by)
	return r == nil || r.Closed.IsZero()
}
