package officer

import (
	"slices"

	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// Code is a code of a statement with what it means, for help and for people who
// read a case. The rule book decides which codes exist.
type Code struct{ Code, Means string }

// Categories are the data that can be requested. All but the first two may hold
// content, and count as sensitive.
var Categories = []Code{
	{custody.CategorySubscriber, "who a subscriber is"},
	{custody.CategoryTraffic, "who communicated when, not what"},
	{"content-data", "the content of communication"},
	{"stored-data", "data that somebody has stored: a disk, a phone, a mailbox"},
	{"preserved-data", "data that was preserved before on request"},
	{"other-evidence", "other evidence"},
}

// Instruments are what a request may rest on.
var Instruments = []Code{
	{"untcc", "UN Convention against Cybercrime"},
	{"ets-185", "Convention on Cybercrime (Budapest, ETS 185)"},
	{"cets-224", "its Second Additional Protocol (CETS 224)"},
	{"untoc", "UN Convention against Transnational Organized Crime"},
	{"eio", "European Investigation Order (Directive 2014/41/EU)"},
	{"bilateral", "a treaty between the two States"},
	{"reciprocity", "reciprocity, without a treaty"},
	{"other", "another instrument; name it in the annex"},
}

// Assistances are what a request may ask to be done with the data.
var Assistances = []Code{
	{custody.AssistanceDisclosure, "hand it over"},
	{custody.AssistancePreservation, "keep it, and hand nothing over yet"},
}

// Sensitives mark what takes more care than its category tells.
var Sensitives = []Code{
	{"privileged", "may hold what immunity or privilege protects"},
	{"press", "may hold journalists' sources or material"},
	{"several-persons", "is about more than one person"},
}

// Urgencies are how fast a request has to be answered.
var Urgencies = []Code{
	{"routine", "in the order of arrival"},
	{"urgent", "before others; the annex says why"},
	{"emergency", "at once; a danger to life or safety is declared beside it"},
}

// Handlings say who may see what arrives.
var Handlings = []Code{
	{"tlp-red", "only who receives it (Traffic Light Protocol)"},
	{"tlp-amber-strict", "who needs it within the receiving authority"},
	{"tlp-amber", "and whom that authority works for in the case"},
	{"tlp-green", "the community that works against such crime"},
	{"tlp-clear", "anybody"},
	{"h0", "no more than the law of the receiving State says (Europol)"},
	{"h1", "not to be disclosed in judicial proceedings without permission"},
	{"h2", "not to be disseminated without permission"},
	{"h3", "as the handling text in the annex says"},
}

// ReviewBodies are who reviews a request.
var ReviewBodies = []Code{
	{"judicial", "a court or judge"},
	{"prosecutorial", "a prosecutor"},
	{"administrative", "the central authority"},
}

// ReviewFindings are how a review ends.
var ReviewFindings = []Code{
	{custody.FindingNoObjection, "nothing stands against a grant"},
	{custody.FindingObjection, "the request should not be granted as it is"},
}

// Conditions are what a grant may bind the other State to. None bars the
// disclosure of exculpatory material with notice.
var Conditions = []Code{
	{"use-limitation", "use for the purpose of the request only"},
	{"confidentiality", "keep the request and the evidence confidential"},
	{"no-onward-transfer-without-consent", "give it to no third State or body without consent"},
	{"delete-when-closed", "delete it when the proceedings end"},
	{"use-report", "report the use that was made of it"},
}

// ConsentPurposes are what evidence may be passed on for.
var ConsentPurposes = []Code{
	{"same-proceedings", "the proceedings of the request"},
	{"related-proceedings", "proceedings that belong to it"},
	{"other-proceedings", "other proceedings, named in words"},
	{"prevention-of-serious-threat", "to avert a serious threat"},
}

// Grounds are why a request or an offer may be refused.
var Grounds = slices.Concat(RequestGrounds, []Code{
	{"not-needed", "what is offered is not needed (of an offer alone)"},
	{"conditions-not-acceptable", "its conditions cannot be accepted (of an offer alone)"},
})

// RequestGrounds are why a request may be refused, and what a review examines.
var RequestGrounds = []Code{
	{"not-in-conformity", "the request does not have the form that the treaty asks for"},
	{"sovereignty", "it would prejudice sovereignty"},
	{"security", "it would prejudice security"},
	{"ordre-public", "it would prejudice public order"},
	{"essential-interests", "it would prejudice other essential interests"},
	{"own-law", "own law would not allow it in a case at home"},
	{"dual-criminality", "the act is no offence here"},
	{"ne-bis-in-idem", "the person was tried for it already"},
	{"political-offence", "the offence is political"},
	{"discrimination", "it aims at a person's origin, religion, opinion or the like"},
	{"fundamental-rights", "it would breach fundamental rights"},
	{"privilege", "immunity or privilege protects the data"},
	{"press-freedom", "rules on freedom of the press protect the data"},
	{"proportionality", "it is out of proportion"},
}

// Reasons are why a grant may be revoked.
var Reasons = []Code{
	{"no-longer-justified", "the request is no longer justified"},
	{"remedy-granted", "a legal remedy against the grant succeeded"},
	{"conditions-breached", "the conditions were not kept"},
	{"key-compromise", "keys may be in wrong hands"},
	{"error", "the grant was an error"},
}

// WithdrawalReasons are why a request may be taken back.
var WithdrawalReasons = []Code{
	{"no-longer-needed", "the evidence is not needed any more"},
	{"obtained-otherwise", "it was obtained in another way"},
	{"remedy-granted", "a legal remedy against the request succeeded"},
	{"proceedings-ended", "the proceedings have ended"},
	{"conditions-not-acceptable", "the conditions of the grant cannot be accepted"},
	{"error", "the request was an error"},
	{"other", "another reason; say it in words"},
}

// Outcomes are how a request ends that was granted.
var Outcomes = []Code{
	{"executed", "all that was asked for has arrived"},
	{"executed-in-part", "a part of it has arrived, and no more is expected"},
	{"not-executed", "nothing has arrived, and nothing is expected"},
	{"proceedings-ended", "the proceedings have ended: the condition delete-when-closed counts from here"},
}

// SuspensionReasons are why all transfers with another authority may be suspended.
var SuspensionReasons = []Code{
	{"rights-concern", "fundamental rights may not be safe there"},
	{"directory-doubt", "its directory, or keys in it, may be in wrong hands"},
	{"treaty-suspended", "the treaty between the two is suspended"},
	{"incident", "a security incident, at either side or at the relay"},
	{"other", "another reason"},
}

// LiftReasons are why a suspension may be lifted.
var LiftReasons = []Code{
	{"resolved", "the reason is gone"},
	{"error", "the suspension was an error"},
	{"other", "another reason"},
}

// OfferPurposes are what an offer may serve in the State that it is for.
var OfferPurposes = []Code{
	{"initiate-investigation", "to begin an investigation"},
	{"support-proceedings", "for an investigation or proceedings that go on"},
	{"lead-to-request", "so that it can make a request"},
	{"prevention-of-serious-threat", "to avert a serious threat"},
}

// HoldReasons are why the evidence of a request may be put on hold.
var HoldReasons = []Code{
	{"proceedings", "proceedings go on, or are expected, in which it counts"},
	{"legal-remedy", "somebody contests the request or the grant"},
	{"defence-request", "the defence asked for it"},
	{"court-order", "a court ordered it"},
	{"inquiry", "an inquiry looks into how it was handled"},
	{"other", "another reason; say it in words"},
}

// HoldLiftReasons are why a hold may be lifted.
var HoldLiftReasons = []Code{
	{"no-longer-needed", "nobody needs it any more"},
	{"court-order", "a court ordered it"},
	{"error", "the hold was an error"},
	{"other", "another reason; say it in words"},
}

// Uses are what use may be made of what was received.
var Uses = []Code{
	{"used-in-investigation", "it led or helped an investigation"},
	{"used-in-proceedings", "it was used as evidence in court"},
	{"disclosed-to-defence", "it was disclosed to the defence"},
	{"passed-on", "it was passed on, with consent"},
	{"not-used", "it was not used, up to the date"},
	{"returned", "it was given back"},
	{"destroyed", "it was destroyed here"},
	{custody.UseOther, "another use; say it in words"},
}

// RecallReasons are why a package may be taken back.
var RecallReasons = []Code{
	{"wrong-package", "it is not what was to be sent"},
	{"wrong-recipient", "it was not for those who can take it"},
	{"contains-privileged", "it holds what immunity or privilege protects"},
	{"error-in-request", "the request it answers was wrong"},
	{"other", "another reason; say it in an annex"},
}

// Means returns what a code of one of these lists means, or "".
func Means(list []Code, code string) string {
	i := slices.IndexFunc(list, func(c Code) bool { return c.Code == code })
	if i < 0 {
		return ""
	}
	return list[i].Means
}

// refused is the error of a rule that was asked here.
func refused(rule string, c custody.Code) error {
	return wire.Refusal(custody.Decision{Code: c, Rule: rule})
}
