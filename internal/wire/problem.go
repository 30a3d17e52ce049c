package wire

import (
	"errors"
	"fmt"
	"net/http"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// Codes of problems that are not answers of the rule book. The codes of package
// custody are used as they are. Append; never reuse.
const (
	CodeHelloRequired  custody.Code = "hello-required"
	CodeHelloRefused   custody.Code = "hello-refused"
	CodeMalformed      custody.Code = "malformed"
	CodeTooLarge       custody.Code = "too-large"
	CodeNotFound       custody.Code = "not-found"
	CodeMethod         custody.Code = "method-not-allowed"
	CodeDigestMismatch custody.Code = "digest-mismatch"
	CodeRootMismatch   custody.Code = "root-mismatch"
	CodeStaleEpoch     custody.Code = "stale-epoch"
	CodeNotOpen        custody.Code = "not-open"
	CodeIncomplete     custody.Code = "parts-missing"
	CodeAnnexMismatch  custody.Code = "annex-mismatch"
	CodeWrongRoute     custody.Code = "wrong-route"
	CodeRateLimited    custody.Code = "rate-limited"
	CodeBusy           custody.Code = "busy"
	CodeStorage        custody.Code = "storage-full"
	CodeInternal       custody.Code = "internal"
	CodeRange          custody.Code = "range-not-satisfiable"
	CodeIDTaken        custody.Code = "package-id-taken"
	CodeUnknownKey     custody.Code = "unknown-key"
	CodeKeyOfAnother   custody.Code = "key-of-another"
	CodeHelloReplayed  custody.Code = "hello-replayed"
	CodeHalfSigned     custody.Code = "half-signed"
	CodeForeignParty   custody.Code = "foreign-party"
	CodePackageSize    custody.Code = "package-too-large"
)

// Problem is an error as RFC 9457 problem+json: a stable code, one sentence, and
// no internal detail.
type Problem struct {
	Type   string       `json:"type"` // urn:comity:problem:CODE
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Code   custody.Code `json:"code"`
	Rule   string       `json:"rule,omitempty"` // of the rule book, where it answered
	Detail string       `json:"detail,omitempty"`
}

// Error makes a Problem an error.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return fmt.Sprintf("%s: %s", p.Code, p.Detail)
	}
	return fmt.Sprintf("%s: %s", p.Code, p.Title)
}

// NewProblem makes the problem of a code. The detail is a sentence for people
// that repeats nothing the caller did not know.
//
// Existence is a secret of the parties: who is no party of a request reads that
// there is no such request, in the same bytes as if there were none, whatever
// detail is given.
func NewProblem(code custody.Code, detail string) *Problem {
	if code == custody.CodeNotParty {
		code = custody.CodeNoSuchRequest
	}
	if code == custody.CodeNoSuchRequest || code == custody.CodeNoSuchPackage {
		detail = ""
	}
	st, title := status(code)
	return &Problem{Type: "urn:comity:problem:" + string(code), Title: title, Status: st, Code: code, Detail: detail}
}

// Refusal makes the problem of a decision of the rule book, with its rule unless
// that would tell a stranger what NewProblem hides. Routes that name a package
// answer strangers with NewProblem(custody.CodeNoSuchPackage, "") instead.
func Refusal(d custody.Decision) *Problem {
	if d.Allowed() { // a caller's mistake must not read as a refusal by the rules
		return NewProblem(CodeInternal, "")
	}
	p := NewProblem(d.Code, "")
	if p.Status != http.StatusNotFound {
		p.Rule = d.Rule
	}
	return p
}

// Unreadable makes the problem of an error of statement.Parse or
// custody.ParseStatement: nothing in it is believed, so no record is asked.
func Unreadable(err error) *Problem {
	switch {
	case errors.Is(err, statement.ErrHalf):
		return NewProblem(CodeHalfSigned, "")
	case errors.Is(err, custody.ErrForeign):
		return NewProblem(CodeForeignParty, err.Error())
	}
	return NewProblem(CodeMalformed, err.Error())
}

// CodeOf returns the code of an error that is or wraps a Problem, or "".
func CodeOf(err error) custody.Code {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

var problems = map[custody.Code]struct {
	status int
	title  string
}{
	CodeHelloRequired:  {http.StatusUnauthorized, "prove who you are first: POST /v1/hello"},
	CodeHelloRefused:   {http.StatusForbidden, "the proof of identity does not hold"},
	CodeMalformed:      {http.StatusBadRequest, "the request is malformed"},
	CodeTooLarge:       {http.StatusRequestEntityTooLarge, "the body is larger than allowed"},
	CodeNotFound:       {http.StatusNotFound, "there is nothing here"},
	CodeMethod:         {http.StatusMethodNotAllowed, "the method is not allowed here"},
	CodeDigestMismatch: {http.StatusUnprocessableEntity, "the body does not have the digest that its header names"},
	CodeRootMismatch:   {http.StatusUnprocessableEntity, "the parts do not have the root that the seal names"},
	CodeStaleEpoch:     {http.StatusConflict, "another process has taken the upload over"},
	CodeNotOpen:        {http.StatusConflict, "the package takes no more parts"},
	CodeIncomplete:     {http.StatusConflict, "parts of the package are missing"},
	CodeAnnexMismatch:  {http.StatusUnprocessableEntity, "the annex is not the one that the statement binds"},
	CodeWrongRoute:     {http.StatusBadRequest, "this kind of statement has a route of its own"},
	CodeRateLimited:    {http.StatusTooManyRequests, "too many requests: wait and try again"},
	CodeBusy:           {http.StatusServiceUnavailable, "the relay is busy: try again"},
	CodeStorage:        {http.StatusInsufficientStorage, "the relay has no room for this"},
	CodeInternal:       {http.StatusInternalServerError, "the relay failed: its operator's log says why"},
	CodeRange:          {http.StatusRequestedRangeNotSatisfiable, "the bytes asked for are beyond the end"},
	CodeIDTaken:        {http.StatusConflict, "the id of the package is used already: draw another at random"},
	CodeUnknownKey:     {http.StatusForbidden, "no directory in force lists this key as that of an active agent"},
	CodeKeyOfAnother:   {http.StatusForbidden, "the directory lists this key under another id than the one claimed"},
	CodeHelloReplayed:  {http.StatusForbidden, "the proof of identity was made for another connection"},
	CodeHalfSigned:     {http.StatusUnprocessableEntity, "a signature lacks one of its two halves"},
	CodeForeignParty:   {http.StatusUnprocessableEntity, "an authority lists its own parties only"},
	CodePackageSize:    {http.StatusRequestEntityTooLarge, "a package has at most 8 TiB of evidence: send it as several packages"},

	custody.CodeNoSuchRequest:     {http.StatusNotFound, custody.CodeNoSuchRequest.Explain()},
	custody.CodeNoSuchPackage:     {http.StatusNotFound, custody.CodeNoSuchPackage.Explain()},
	custody.CodeDuplicate:         {http.StatusConflict, custody.CodeDuplicate.Explain()},
	custody.CodeRollback:          {http.StatusConflict, custody.CodeRollback.Explain()},
	custody.CodeFork:              {http.StatusConflict, custody.CodeFork.Explain()},
	custody.CodeAlreadyDecided:    {http.StatusConflict, custody.CodeAlreadyDecided.Explain()},
	custody.CodeAlreadySuperseded: {http.StatusConflict, custody.CodeAlreadySuperseded.Explain()},
	custody.CodeAlreadySealed:     {http.StatusConflict, custody.CodeAlreadySealed.Explain()},
	custody.CodeAlreadyUnlocked:   {http.StatusConflict, custody.CodeAlreadyUnlocked.Explain()},
	custody.CodeAlreadyReceived:   {http.StatusConflict, custody.CodeAlreadyReceived.Explain()},
	custody.CodeBadSignature:      {http.StatusUnprocessableEntity, custody.CodeBadSignature.Explain()},
	custody.CodeBadStatement:      {http.StatusUnprocessableEntity, custody.CodeBadStatement.Explain()},
	custody.CodeReceiptsUsedUp:    {http.StatusConflict, custody.CodeReceiptsUsedUp.Explain()},
}

func status(code custody.Code) (int, string) {
	if p, ok := problems[code]; ok {
		return p.status, p.title
	}
	return http.StatusForbidden, code.Explain()
}
