package agent

import (
	"context"
	"errors"

	"comity.example/comity/agent/internal/quarantine"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"
)

// take downloads and verifies. The order matters: what the seal names is checked
// before anything is decrypted, and what was decrypted before it has a name.
func (x *fetching) take(ctx context.Context) (*Fetched, error) {
	if err := x.small(ctx); err != nil {
		return nil, err
	}
	if err := x.parts(ctx); err != nil {
		return nil, err
	}
	l, err := x.land()
	if err != nil {
		return nil, err
	}
	defer l.Close()
	q, err := quarantine.New(x.into, x.pkg.Package)
	if err != nil {
		return nil, err
	}
	defer q.Remove()
	c, err := x.download(ctx, l, q)
	if err != nil {
		return nil, err
	}
	if !fits(x.inner, c) {
		return nil, rejected("inner-mismatch", "the bag is not the one that the inner statement describes")
	}
	if err := q.Sync(); err != nil {
		return nil, err
	}
	if err := x.still(ctx); err != nil {
		return nil, err
	}
	p, err := x.state(stateVerified)
	if err != nil {
		return nil, err
	}
	p.Inner = x.innerH
	if err := x.a.home.saveLists(x.request, x.pkg.Package, q.Copy(fileManifest), q.Copy(fileIndex), x.inner.IndexSize); err != nil {
		return nil, err
	}
	files := map[string][]byte{fileInner: x.innerEn, fileTagManifest: c.TagManifest}
	if err := x.a.home.savePackage(p, files); err != nil {
		return nil, err
	}
	// If we crash here, resume finds no folder of that name, or one that is not the
	// package, and signs nothing.
	if err := q.Publish(x.target()); err != nil {
		p.State = stateFetching
		return nil, errors.Join(err, x.a.home.savePackage(p, nil))
	}
	// If we crash here, resume removes the landing before it signs.
	if err := l.Remove(); err != nil {
		return nil, err
	}
	return x.receipt(ctx, p)
}

// claims is what the sender signed of the bag.
func claims(in *custody.Inner) bag.Claims {
	return bag.Claims{
		Index:             bag.IndexRef{Offset: in.IndexOffset, Size: in.IndexSize, SHA256: in.Index},
		TagManifestSHA256: in.TagManifest, ArchiveSize: in.ArchiveSize, Files: in.Files, Bytes: in.Bytes,
	}
}

// fits reports whether a bag is the one that its sender signed.
func fits(in *custody.Inner, c *bag.Contents) bool {
	return claims(in) == bag.Claims{Index: c.Index, TagManifestSHA256: c.TagManifestSHA256, ArchiveSize: c.ArchiveSize, Files: int64(c.Files), Bytes: c.Bytes}
}

// small fetches head and inner.age, checks both against the seal, and the inner
// statement against both.
func (x *fetching) small(ctx context.Context) (err error) {
	var innerAge []byte
	err = x.s.retry(ctx, func(c *wire.Client) (err error) {
		if x.head, err = c.Head(ctx, x.pkg.Package); err != nil {
			return err
		}
		innerAge, err = c.Inner(ctx, x.pkg.Package)
		return err
	})
	if err != nil {
		return err
	}
	if custody.HashOf(x.head) != x.pkg.HeadSHA256 || custody.HashOf(innerAge) != x.pkg.InnerSHA256 {
		return altered("head or inner.age is not the one that the seal names")
	}
	if err := seal.CheckHead(x.head); err != nil {
		return rejected("head-mismatch", "checking head: %w", err)
	}
	ids, err := x.a.home.Identities()
	if err != nil {
		return err
	}
	if x.innerEn, err = seal.OpenSmall(innerAge, wire.MaxInner, ids...); err != nil {
		return rejected("not-decryptable", "opening inner.age: %w", err)
	}
	if err := custody.VerifyInner(x.innerEn, x.snap.senders[x.pkg.Package], x.pkg.Seal); err != nil {
		return rejected("inner-mismatch", "%w", err)
	}
	x.inner, x.innerH, _, err = custody.ParseInner(x.innerEn)
	return err
}

// parts fetches the digests of the parts and checks them against the sealed root.
func (x *fetching) parts(ctx context.Context) error {
	var st *wire.PackageState
	err := x.s.retry(ctx, func(c *wire.Client) (err error) {
		st, err = c.Package(ctx, x.pkg.Package)
		return err
	})
	if err != nil {
		return err
	}
	n := seal.Parts(x.pkg.PayloadSize)
	if int64(n) != x.pkg.Parts {
		return rejected("payload-mismatch", "a payload of %d bytes has %d parts, the seal names %d", x.pkg.PayloadSize, n, x.pkg.Parts)
	}
	if len(st.Digests) != 32*n {
		return altered("%d part digests, the seal names %d parts", len(st.Digests)/32, n)
	}
	x.digests = make([][32]byte, n)
	for i := range x.digests {
		x.digests[i] = [32]byte(st.Digests[32*i:])
	}
	if seal.PayloadRoot(x.digests) != x.pkg.PayloadRoot {
		return altered("the part digests do not have the root that the seal names")
	}
	return nil
}
