package ledger

// The plaintext form of a copy, for its fuzz test.
var (
	PlainCopy = plainCopy
	ParseCopy = parseCopy
)
