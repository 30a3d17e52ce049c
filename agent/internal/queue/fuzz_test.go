package queue_test

import (
	"bytes"
	"testing"

	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/crypto/statement"
)

// FuzzParse: what is read and written is read again as it was.
func FuzzParse(f *testing.F) {
	f.Add(statement.Encode(entry()))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := queue.Parse(data)
		if err != nil {
			return
		}
		text := statement.Encode(e)
		again, err := queue.Parse(text)
		if err != nil || !bytes.Equal(statement.Encode(again), text) {
			t.Errorf("%q reads back as %+v, %v", text, again, err)
		}
	})
}
