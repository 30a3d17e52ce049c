package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"
)

// The exit codes, as the help lists them.
const (
	exitDone        = 0
	exitError       = 1
	exitUsage       = 2
	exitRefused     = 3
	exitVerify      = 4
	exitLater       = 5
	exitInterrupted = 130
)

// usageError is a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (e hinted) Unwrap() error { return e.error }

func hintf(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

// exitCode says how a command ended.
func exitCode(err error) int {
	var usage usageError
	code := wire.CodeOf(err)
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, agent.ErrVerify):
		return exitVerify
	case errors.Is(err, agent.ErrTryLater) || slices.Contains(laterCodes, code):
		return exitLater
	case slices.Contains(helloCodes, code) || isRule(code):
		return exitRefused
	}
	return exitError
}

// laterCodes are the answers of a relay that may change by themselves, or when
// the other side has acted.
var laterCodes = []custody.Code{wire.CodeBusy, wire.CodeRateLimited, wire.CodeInternal,
	custody.CodeGrantNotYet, custody.CodeNotUnlocked, custody.CodePairSuspended, custody.CodeOperatorPolicy,
	custody.CodeRetention}

// helloCodes are the answers of a relay to a proof of identity that does not hold.
var helloCodes = []custody.Code{wire.CodeHelloRefused, wire.CodeUnknownKey, wire.CodeKeyOfAnother, wire.CodeHelloReplayed}

// isRule reports whether a code is an answer of the rule book: only those have an
// explanation there.
func isRule(c custody.Code) bool { return c != "" && c.Explain() != custody.Code("").Explain() }

// report prints an error and, where there is one, a hint.
func (a *app) report(err error) {
	a.say("comity: error: %s", errorText(err))
	if h := hintFor(err); h != "" {
		a.say("comity: hint: %s", h)
	}
}

// errorText writes an error in one line, in lower case and without a full stop,
// also where a part of it came from a library that does otherwise. Only lists of
// names keep their lines: nobody can read a hundred names in one.
func errorText(err error) string {
	s := strings.TrimRight(err.Error(), ".\n ")
	var special *bag.SpecialError
	var names *bag.NamesError
	if errors.As(err, &special) || errors.As(err, &names) {
		return s
	}
	return strings.ReplaceAll(s, "\n", "; ")
}

// hintFor says what to do about an error, as far as is known.
func hintFor(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	var ambiguous *agent.AmbiguousError
	var made *agent.NotEnteredError
	switch {
	case errors.As(err, &made):
		return handOver(made)
	case errors.As(err, &ambiguous):
		return "give more letters of the id"
	case errors.Is(err, agent.ErrNoHome):
		return "make one: comity authority init NAME for a new authority, comity agent init NAME/agent/LAB for a machine of one; or name it with --home"
	case errors.Is(err, agent.ErrNoticed):
		return "comity request notice lists it; when the relay's record holds it, the rules say the rest"
	case errors.Is(err, agent.ErrForked):
		return "comity alarm show ALARM has the evidence; docs/operating.md, When an alarm is raised, says what to do, then comity alarm acknowledge"
	case errors.Is(err, agent.ErrStale):
		return "compare this machine's clock with another; if it is right, ask the relay's operator whether it runs on an old copy, and send nothing until its log goes on"
	case errors.Is(err, agent.ErrPinned):
		return "a root that follows the pinned one needs no new pin; who has lost its root keys goes on under a new name, whose fingerprint you compare by telephone: docs/operating.md, A lost root"
	case errors.Is(err, officer.ErrNoDraft):
		return "it is on the machine where comity authority init ran; on a registrar's own: comity directory reset"
	case errors.Is(err, officer.ErrNotPinned):
		return "pin it, from paper: comity trust AUTHORITY FP"
	case errors.Is(err, officer.ErrOutdated):
		return "begin again from what the relay has: comity directory reset, then make your changes, sign and publish"
	case errors.Is(err, officer.ErrUnsigned):
		return "comity directory sign, here and on the other registrar's machine"
	case errors.Is(err, officer.ErrChallenge):
		return "make a challenge here: comity directory challenge CLAIM > FILE, and have the holder answer it: comity recipient answer FILE --id ID"
	case errors.Is(err, officer.ErrInitialised):
		return "comity directory show says what there is"
	}
	return codeHints[wire.CodeOf(err)]
}

var codeHints = map[custody.Code]string{
	custody.CodeRelayNotAccepted:  "list the relay: comity trust relay ORIGIN FP, then comity directory sign and comity directory publish",
	custody.CodeNoDirectory:       "publish it: comity directory sign, then comity directory publish; pin the other side: comity trust NAME FP",
	custody.CodeDirectoryExpired:  "the registrars renew it: comity directory sign, then comity directory publish",
	custody.CodeRootNotPinned:     "the relay's operator has to pin this authority: comity-gateway trust NAME FP",
	custody.CodeNotActive:         "the registrars list it: comity directory add ENROLMENT, then sign and publish",
	custody.CodeNotCarrier:        "give an agent of this authority the duty desk: comity directory add ENROLMENT --duty desk, then sign and publish",
	custody.CodeBelowThreshold:    "another officer signs on another machine: comity sign REQUEST",
	custody.CodeNoReview:          "write the review into the draft: comity grant REQUEST --draft",
	custody.CodeAlreadyDecided:    "comity status REQUEST says what was decided; of a suspension, comity request list",
	custody.CodePairSuspended:     "comity request list says who has suspended it, since when and why; run the same command again when that is lifted: comity request resume AUTHORITY",
	custody.CodeOperatorPolicy:    "the relay's operator says what its policy of that name forbids, and until when; run the same command again then",
	custody.CodeRetention:         "the granting authority changes retention_days: comity grant REQUEST --amend --draft; or the relay's operator raises max_retention_days; then run the same command again",
	custody.CodeNoGrant:           "the requested authority has to grant it first: comity grant REQUEST --draft",
	custody.CodeGrantNotYet:       "comity status REQUEST says from when it is valid",
	custody.CodeGrantUsedUp:       "ask for a wider grant",
	custody.CodePackagesUsedUp:    "ask for a wider grant",
	custody.CodeFork:              "the registrars have signed two directories of one number: begin again from what the relay has: comity directory reset",
	custody.CodeNotAccepted:       "the authority that it is for accepts first: comity accept REQUEST",
	custody.CodeOffered:           "comity status REQUEST says who can do what about it",
	custody.CodePackageRecalled:   "comity status REQUEST says by whom and why; comity send REQUEST FOLDER --supersedes PACKAGE sends another in its place",
	custody.CodeAlreadySuperseded: "comity status REQUEST says which package replaces it",
	custody.CodeNotUnlocked:       "the sender lets the head go: comity send REQUEST",
	custody.CodeRecipientNotGrant: "run this on the machine of the agent that holds a recipient of the grant",
	custody.CodeSenderNotGranted:  "run this on the machine of an agent that the grant names",
	custody.CodeNotYetIssued:      "set this machine's clock",
	custody.CodeNoSuchRequest:     "comity request list says what there is",
	wire.CodeHelloRefused:         "publish a directory that lists this agent as active, with these keys, and this relay: comity directory show",
	wire.CodeUnknownKey:           "publish a directory that lists this agent as active, with these keys: comity directory show",
	wire.CodeKeyOfAnother:         "the registrars have listed this machine's key under another id: comity directory show",
	wire.CodeBusy:                 "wait a moment and run the same command again",
	wire.CodeRateLimited:          "wait a minute and run the same command again",
	wire.CodeStorage:              "the relay's operator has to make room",
}
