package agent

import (
	"errors"
	"fmt"

	"comity.example/comity/custody"
)

var (
	// errTorn says that a process crashed while it replaced the seal of a package.
	errTorn = errors.New("the seal, the inner statement and its file do not belong together")
	// errSpoilt says that nobody can ever open a package.
	errSpoilt = errors.New("the head is not the one that was sealed")
)

// whole returns the seal of a package if what is kept beside it is what it binds. A
// package deposited with another inner.age could never be unlocked.
func (a *Agent) whole(p packageFile) ([]byte, error) {
	b, _, innerH, err := a.kept(p)
	if err != nil {
		return nil, err
	}
	head, err := a.home.packageData(p.Request, p.Package, fileHead)
	if err != nil {
		return nil, err
	}
	if custody.HashOf(head) != b.HeadSHA256 {
		return nil, fmt.Errorf("reading package %q of this home: %w", p.Package, errSpoilt)
	}
	innerAge, err := a.home.packageData(p.Request, p.Package, fileInnerAge)
	if err != nil {
		return nil, err
	}
	if custody.HashOf(innerAge) != b.InnerSHA256 || innerH != p.Inner {
		return nil, errTorn
	}
	return a.home.packageData(p.Request, p.Package, fileSeal)
}

// kept returns the seal and the inner statement of a package of this home, and that
// one's SHA-256.
func (a *Agent) kept(p packageFile) (b *custody.Seal, in *custody.Inner, innerH custody.Digest, err error) {
	env, err := a.home.packageData(p.Request, p.Package, fileSeal)
	if err != nil {
		return nil, nil, innerH, err
	}
	st, err := custody.ParseStatement(env)
	if err != nil {
		return nil, nil, innerH, err
	}
	b, ok := st.Body.(*custody.Seal)
	if !ok {
		return nil, nil, innerH, fmt.Errorf("reading the seal of package %q: it is a %s", p.Package, st.Kind)
	}
	if env, err = a.home.packageData(p.Request, p.Package, fileInner); err != nil {
		return nil, nil, innerH, err
	}
	in, innerH, _, err = custody.ParseInner(env)
	return b, in, innerH, err
}
