package dir_test

import (
	"path/filepath"
	"testing"

	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/objects/objectstest"
)

func open(t *testing.T, root string) *dir.Dir {
	t.Helper()
	d, err := dir.New(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestStore(t *testing.T) {
	roots := map[objects.Store]string{}
	objectstest.Suite{
		Open: func(t *testing.T) objects.Store {
			root := filepath.Join(t.TempDir(), "store")
			d := open(t, root)
			roots[d] = root
			return d
		},
		Reopen: func(t *testing.T, s objects.Store) objects.Store {
			d := open(t, roots[s])
			roots[d] = roots[s]
			return d
		},
		Destroyer: func(t *testing.T, s objects.Store) objects.Destroyer {
			return dir.NewDestroyer(s.(*dir.Dir))
		},
	}.Run(t)
}
