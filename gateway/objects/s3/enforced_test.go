package s3

import (
	"reflect"
	"testing"

	"comity.example/comity/gateway/objects"
)

// TestProbe: what New found is said under the same name, each thing apart.
func TestProbe(t *testing.T) {
	always := objects.Enforcement{Store: "s3", Versions: true} // New refuses a bucket without
	if got := (&Bucket{}).Probe(); got != always {
		t.Errorf("nothing was found: %+v", got)
	}
	said := reflect.TypeFor[objects.Enforcement]()
	for i := range said.NumField() {
		name := said.Field(i).Name
		f, ok := reflect.TypeFor[Found]().FieldByName(name)
		if !ok {
			continue // Store and Versions
		}
		var b Bucket
		reflect.ValueOf(&b.found).Elem().FieldByIndex(f.Index).SetBool(true)
		want := always
		reflect.ValueOf(&want).Elem().Field(i).SetBool(true)
		if got := b.Probe(); got != want {
			t.Errorf("found %s, said %+v", name, got)
		}
	}
}
