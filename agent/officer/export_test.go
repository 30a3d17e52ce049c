package officer

import (
	"comity.example/comity/agent/internal/annex"

	"filippo.io/age"
)

// OpenAnnex lets tests read annexes as their recipients do.
func OpenAnnex(file []byte, ids ...age.Identity) (*Annex, error) { return annex.Open(file, ids...) }
