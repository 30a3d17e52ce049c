package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
)

// Transport is one connection to a relay: package link provides it.
type Transport interface {
	http.RoundTripper
	Exporter() ([32]byte, error)
	ServerSPKI() [32]byte
}

// Client makes the calls of the protocol over one connection. It is safe for
// concurrent use. Calls return a *Problem where the relay answered with one.
type Client struct {
	t Transport
}

// NewClient returns a client on a connection. Before Hello only the public
// routes answer.
func NewClient(t Transport) *Client { return &Client{t} }

// Identity is who a client is: its id, hybrid key, and the SPKI of the TLS key
// that its connection shows.
type Identity struct {
	ID   custody.PartyID
	Key  *keys.Private
	SPKI custody.Digest
}

// ErrHello is wrapped where the relay's half of a hello is missing, malformed, of
// another connection, or not signed by the relay's key.
var ErrHello = errors.New("the relay did not prove its identity")

// Hello proves the client's identity on this connection and checks the relay's,
// whose key comes from the pinned relay descriptor.
func (c *Client) Hello(ctx context.Context, me Identity, origin string, relay *keys.Public) (*HelloResponse, error) {
	exp, err := c.t.Exporter()
	if err != nil {
		return nil, fmt.Errorf("proving identity: %v", err)
	}
	s := Session{Client: me.ID, Relay: origin, ClientSPKI: me.SPKI, RelaySPKI: c.t.ServerSPKI(), Exporter: exp}
	var out HelloResponse
	if err := c.callJSON(ctx, http.MethodPost, "/v1/hello", HelloRequest{Client: s.SignClient(me.Key)}, &out); err != nil {
		return nil, err
	}
	if err := s.VerifyRelay(out.Relay, relay); err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrHello)
	}
	return &out, nil
}

// Relay returns the relay's descriptor, an envelope.
func (c *Client) Relay(ctx context.Context) ([]byte, error) {
	return c.get(ctx, "/v1/relay", MaxStatement)
}

// Authority returns an authority's roots and newest directory. Public.
func (c *Client) Authority(ctx context.Context, name string) (*AuthorityState, error) {
	var out AuthorityState
	return &out, c.getJSON(ctx, "/v1/directory/"+url.PathEscape(name), &out)
}

// Directory returns an authority's roots and its directory of a version. Public.
func (c *Client) Directory(ctx context.Context, name string, version int64) (*AuthorityState, error) {
	var out AuthorityState
	return &out, c.getJSON(ctx, fmt.Sprintf("/v1/directory/%s/%d", url.PathEscape(name), version), &out)
}

// Submit files a statement, with its annex if it binds one that the relay does
// not have yet. Filing the same statement again returns the same proof.
func (c *Client) Submit(ctx context.Context, envelope, annex []byte) (*Proof, error) {
	var out Proof
	return &out, c.postParts(ctx, "/v1/statements", []filePart{{"envelope", envelope}, {"annex", annex}}, &out)
}

// Propose files a statement that needs more signatures.
func (c *Client) Propose(ctx context.Context, envelope, annex []byte) (*ProposalState, error) {
	var out ProposalState
	return &out, c.postParts(ctx, "/v1/proposals", []filePart{{"envelope", envelope}, {"annex", annex}}, &out)
}

// Proposals lists the open proposals of the caller's authority.
func (c *Client) Proposals(ctx context.Context) (*Proposals, error) {
	var out Proposals
	return &out, c.getJSON(ctx, "/v1/proposals", &out)
}

// Proposal returns one proposal with the signatures so far.
func (c *Client) Proposal(ctx context.Context, sha custody.Digest) (*ProposalState, error) {
	var out ProposalState
	return &out, c.getJSON(ctx, "/v1/proposals/"+sha.String(), &out)
}

// CoSign adds the signatures of an envelope to a proposal.
func (c *Client) CoSign(ctx context.Context, sha custody.Digest, envelope []byte) (*ProposalState, error) {
	var out ProposalState
	return &out, c.postParts(ctx, "/v1/proposals/"+sha.String()+"/signatures", []filePart{{"envelope", envelope}}, &out)
}

// Record returns a record with proofs in the tree of that size; size 0 means
// the newest checkpoint.
func (c *Client) Record(ctx context.Context, id custody.RecordID, size int64) (*RecordProof, error) {
	var out RecordProof
	return &out, c.getLarge(ctx, "/v1/records/"+string(id)+"?size="+strconv.FormatInt(size, 10), &out)
}

// Tokens returns the first time stamp of each authority over a checkpoint that holds
// the entry at an index, up to a size of the log.
func (c *Client) Tokens(ctx context.Context, index, size int64) (*Tokens, error) {
	var out Tokens
	return &out, c.getJSON(ctx, fmt.Sprintf("/v1/tokens?index=%d&size=%d", index, size), &out)
}

// Annex returns an annex by its SHA-256, checked.
func (c *Client) Annex(ctx context.Context, sha custody.Digest) ([]byte, error) {
	b, err := c.get(ctx, "/v1/annexes/"+sha.String(), MaxAnnex)
	if err == nil && sha256.Sum256(b) != sha {
		return nil, fmt.Errorf("reading annex %s: the relay answered with other bytes", sha)
	}
	return b, err
}

// Changes waits up to wait seconds for entries that concern the caller after a
// cursor; an empty cursor starts at the beginning.
func (c *Client) Changes(ctx context.Context, cursor string, wait int) (*Changes, error) {
	var out Changes
	q := url.Values{"after": {cursor}, "wait": {strconv.Itoa(wait) + "s"}}
	return &out, c.getJSON(ctx, "/v1/changes?"+q.Encode(), &out)
}

// Checkpoint returns the newest signed checkpoint. Public.
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) {
	return c.get(ctx, "/log/checkpoint", 64<<10)
}

// Cosigned returns the newest checkpoint that the relay's witnesses have cosigned.
// Public. wire.CodeNotFound: none has been.
func (c *Client) Cosigned(ctx context.Context) ([]byte, error) {
	return c.get(ctx, "/log/cosigned", 64<<10)
}

// CosignedAround returns what witnesses say of when the entry of a log index came
// into the log, with proofs in the signed tree of size; 0 is the newest. Public.
func (c *Client) CosignedAround(ctx context.Context, index, size int64) (*Cosigned, error) {
	var out Cosigned
	path := fmt.Sprintf("/v1/cosigned?index=%d", index)
	if size != 0 {
		path += fmt.Sprintf("&size=%d", size)
	}
	return &out, c.getJSON(ctx, path, &out)
}

// Tile returns a file below /log/ (C2SP tlog-tiles). Public.
func (c *Client) Tile(ctx context.Context, path string) ([]byte, error) {
	return c.get(ctx, "/log/"+path, 64<<10)
}

// Reserve asks for room for a package.
func (c *Client) Reserve(ctx context.Context, r Reserve) (*Reservation, error) {
	var out Reservation
	return &out, c.callJSON(ctx, http.MethodPost, "/v1/packages", r, &out)
}

// TakeOver raises the epoch of a reservation of the caller, so that calls of an
// earlier process are refused from now on.
func (c *Client) TakeOver(ctx context.Context, pkg string) (*Reservation, error) {
	var out Reservation
	r, err := c.request(ctx, http.MethodPost, "/v1/packages/"+pkg+"/epoch", nil)
	if err != nil {
		return nil, err
	}
	return &out, c.doJSON(r, &out)
}

// PutPart uploads part n. It may be repeated, in any order, on any connection.
func (c *Client) PutPart(ctx context.Context, pkg string, epoch int64, n int, sum [32]byte, body []byte) error {
	r, err := c.request(ctx, http.MethodPut, fmt.Sprintf("/v1/packages/%s/parts/%d", pkg, n), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", TypeBytes)
	r.Header.Set("Content-Digest", ContentDigest(sum))
	r.Header.Set(EpochHeader, strconv.FormatInt(epoch, 10))
	_, err = c.do(r, 0)
	return err
}

// ContentDigest returns the RFC 9530 field for a SHA-256.
func ContentDigest(sum [32]byte) string {
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// Package describes a package.
func (c *Client) Package(ctx context.Context, pkg string) (*PackageState, error) {
	var out PackageState
	return &out, c.getLarge(ctx, "/v1/packages/"+pkg, &out)
}

// Abandon gives a reservation up. Nothing that is sealed can be abandoned.
func (c *Client) Abandon(ctx context.Context, pkg string, epoch int64) error {
	r, err := c.request(ctx, http.MethodDelete, "/v1/packages/"+pkg, nil)
	if err != nil {
		return err
	}
	r.Header.Set(EpochHeader, strconv.FormatInt(epoch, 10))
	_, err = c.do(r, 0)
	return err
}

// Seal completes a package with the sender's signed seal.
func (c *Client) Seal(ctx context.Context, pkg string, epoch int64, envelope []byte) (*Proof, error) {
	r, err := c.request(ctx, http.MethodPost, "/v1/packages/"+pkg+"/seal", bytes.NewReader(envelope))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", TypeEnvelope)
	r.Header.Set(EpochHeader, strconv.FormatInt(epoch, 10))
	var out Proof
	return &out, c.doJSON(r, &out)
}

// Unlock hands over the head and the inner file with the sender's signed unlock.
func (c *Client) Unlock(ctx context.Context, pkg string, envelope, head, inner []byte) (*Proof, error) {
	var out Proof
	return &out, c.postParts(ctx, "/v1/packages/"+pkg+"/unlock",
		[]filePart{{"envelope", envelope}, {"head", head}, {"inner", inner}}, &out)
}

// Release files the recipient's signed release; after it the package's files can
// be read on this identity.
func (c *Client) Release(ctx context.Context, pkg string, envelope []byte) (*Proof, error) {
	var out Proof
	return &out, c.postParts(ctx, "/v1/packages/"+pkg+"/release", []filePart{{"envelope", envelope}}, &out)
}

// Head and Inner return a released package's small files.
func (c *Client) Head(ctx context.Context, pkg string) ([]byte, error) {
	return c.get(ctx, "/v1/packages/"+pkg+"/head", MaxHead)
}

// Inner returns the package's inner.age.
func (c *Client) Inner(ctx context.Context, pkg string) ([]byte, error) {
	return c.get(ctx, "/v1/packages/"+pkg+"/inner", MaxInner)
}

// Payload reads length bytes of a released package's payload from offset into p,
// whose length says how many. It returns an error unless all of them came.
func (c *Client) Payload(ctx context.Context, pkg string, offset int64, p []byte) error {
	r, err := c.request(ctx, http.MethodGet, "/v1/packages/"+pkg+"/payload", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+int64(len(p))-1))
	resp, err := c.t.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("reading payload: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent {
		return problemOf(resp)
	}
	if _, err := io.ReadFull(resp.Body, p); err != nil {
		return fmt.Errorf("reading payload at %d: %w", offset, err)
	}
	return nil
}

type filePart struct {
	name string
	data []byte
}

// postParts sends the parts that are not nil as multipart/form-data.
func (c *Client) postParts(ctx context.Context, path string, parts []filePart, out any) error {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		if p.data == nil {
			continue
		}
		f, err := w.CreateFormFile(p.name, p.name)
		if err != nil {
			return err
		}
		f.Write(p.data)
	}
	w.Close()
	r, err := c.request(ctx, http.MethodPost, path, &b)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return c.doJSON(r, out)
}

func (c *Client) callJSON(ctx context.Context, method, path string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := c.request(ctx, method, path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", TypeJSON)
	return c.doJSON(r, out)
}

func (c *Client) getJSON(ctx context.Context, path string, out any) error {
	r, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return c.doJSON(r, out)
}

// getLarge is getJSON for answers that grow with a case: a directory takes 12 KiB
// a party and version, a package of 2 TB has eleven megabytes of digests.
func (c *Client) getLarge(ctx context.Context, path string, out any) error {
	r, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	b, err := c.do(r, MaxRecord)
	if err != nil {
		return err
	}
	return readJSON(r, b, bytesPerLine, out)
}

func (c *Client) get(ctx context.Context, path string, most int64) ([]byte, error) {
	r, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return c.do(r, most)
}

func (c *Client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, method, "https://comity"+path, body)
}

func (c *Client) doJSON(r *http.Request, out any) error {
	b, err := c.do(r, MaxJSON)
	if err != nil {
		return err
	}
	return readJSON(r, b, bytesPerObject, out)
}

// Honest answers are mostly base64 and hex: an object of the protocol takes 40 bytes
// at least, a line of a record several hundred, a digest in a list 67.
const (
	bytesPerObject = 32
	bytesPerLine   = 256
	bytesPerValue  = 12
)

// checkDense refuses an answer with more objects or values than its size explains. A
// hostile relay would otherwise turn "{},{},…" into fifty times its size in memory.
func checkDense(b []byte, perObject int) error {
	const small = 1024
	if bytes.Count(b, []byte("{")) > small+len(b)/perObject || bytes.Count(b, []byte(",")) > small+len(b)/bytesPerValue {
		return errors.New("it has more values than its size explains")
	}
	return nil
}

// readJSON reads an answer of exactly one value, strictly.
func readJSON(r *http.Request, b []byte, perObject int, out any) error {
	if err := checkDense(b, perObject); err != nil {
		return fmt.Errorf("reading the relay's answer to %s %s: %v", r.Method, r.URL.Path, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		return fmt.Errorf("reading the relay's answer to %s %s: %v", r.Method, r.URL.Path, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("reading the relay's answer to %s %s: data after the JSON value", r.Method, r.URL.Path)
	}
	return nil
}

// do returns the body of a 2xx answer of at most so many bytes.
func (c *Client) do(r *http.Request, most int64) ([]byte, error) {
	resp, err := c.t.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("calling the relay: %s %s: %w", r.Method, r.URL.Path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return nil, problemOf(resp)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, fmt.Errorf("reading the relay's answer to %s %s: %w", r.Method, r.URL.Path, err)
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("reading the relay's answer to %s %s: larger than %d bytes", r.Method, r.URL.Path, most)
	}
	return b, nil
}

// problemOf reads a problem; whatever else came is reported by its status only.
// People read problems in a terminal, so a hostile relay's control characters
// are taken out, and the title is the one that this side knows for the code.
func problemOf(resp *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var p Problem
	mt, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if mt != TypeProblem || json.Unmarshal(b, &p) != nil || p.Code == "" {
		return fmt.Errorf("the relay answered with status %d", resp.StatusCode)
	}
	p.Code = custody.Code(printable(string(p.Code)))
	p.Status = resp.StatusCode
	p.Type = "urn:comity:problem:" + string(p.Code)
	_, p.Title = status(p.Code)
	p.Rule, p.Detail = printable(p.Rule), printable(p.Detail)
	return &p
}

// printable keeps the printable characters of a text, 500 bytes at most.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	return strings.ToValidUTF8(s[:min(len(s), 500)], "")
}
