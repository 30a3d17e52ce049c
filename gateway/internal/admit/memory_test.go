package admit

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"comity.example/comity/internal/wire"
)

// holder is who claims memory in a test.
type holder struct {
	who    *Principal
	source string
}

var (
	nl1 = holder{who: &Principal{id: "nl/agent/1"}}
	nl2 = holder{who: &Principal{id: "nl/agent/2"}}
	fr  = holder{who: &Principal{id: "fr/agent/1"}}
	de  = holder{who: &Principal{id: "de/agent/1"}}
)

// TestMemory runs in virtual time: of 160 bytes, an authority may have 80, strangers
// 40, those from one address 10.
func TestMemory(t *testing.T) {
	for _, row := range []struct {
		name string
		held []holder // of 10 bytes each
		more holder
		size int64
		ok   bool
	}{
		{"all of it free", nil, nl1, 80, true},
		{"more than there is", nil, nl1, 161, false},
		{"more than a share, alone", nil, nl1, 160, true},
		{"an authority's share is used up by two agents", repeat(4, nl1, nl2), nl1, 1, false},
		{"another authority has its own", repeat(4, nl1, nl2), fr, 80, true},
		{"all is used up", append(repeat(4, nl1, nl2), repeat(8, fr)...), de, 1, false},
		{"an address's share is used up", []holder{{nil, "a"}}, holder{nil, "a"}, 1, false},
		{"another address has its own", []holder{{nil, "a"}}, holder{nil, "b"}, 10, true},
		{"strangers' share is used up", []holder{{nil, "a"}, {nil, "b"}, {nil, "c"}, {nil, "d"}}, holder{nil, "e"}, 1, false},
		{"strangers leave agents theirs", []holder{{nil, "a"}, {nil, "b"}, {nil, "c"}, {nil, "d"}}, nl1, 80, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory(160, 10*time.Second)
				var release []func()
				for _, h := range row.held {
					r, err := m.take(t.Context(), h.who, h.source, 10)
					if err != nil {
						t.Fatal(err)
					}
					release = append(release, r)
				}
				start := time.Now()
				r, err := m.take(t.Context(), row.more.who, row.more.source, row.size)
				if ok := err == nil; ok != row.ok || !ok && wire.CodeOf(err) != wire.CodeBusy {
					t.Errorf("take = %v after %v", err, time.Since(start))
				}
				if err == nil {
					r()
				}
				for _, r := range release {
					r()
				}
				if m.free != 160 || len(m.held) != 0 || len(m.claims) != 0 {
					t.Errorf("not all came back: %+v", m)
				}
			})
		})
	}
}

func repeat(n int, list ...holder) (out []holder) {
	for range n {
		out = append(out, list...)
	}
	return out
}

// TestMemoryOrder: who waits is served when there is room, the first one first; who
// waits for its own share holds nobody up; who gives up leaves nothing behind.
func TestMemoryOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(160, time.Minute)
		first, err := m.take(t.Context(), nl1.who, "", 80)
		if err != nil {
			t.Fatal(err)
		}
		second, err := m.take(t.Context(), fr.who, "", 60)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		wait := func(name string, h holder, size int64) {
			go func() {
				r, err := m.take(t.Context(), h.who, h.source, size)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				r()
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := m.take(ctx, de.who, "", 80)
			gone <- err
		}()
		synctest.Wait()
		wait("own share is used up", nl2, 10)
		wait("large", de, 70)
		wait("small, later", fr, 10)
		if len(order) != 0 {
			t.Fatalf("served before their turn: %v", order)
		}
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("gave up with %v", err)
		}
		second() // 80 are free: enough for the large one, and then for the small one
		synctest.Wait()
		if len(order) != 2 || order[0] == "own share is used up" || order[1] == "own share is used up" {
			t.Errorf("served %v", order)
		}
		first()
		synctest.Wait()
		if len(order) != 3 || m.free != 160 || len(m.held) != 0 || len(m.claims) != 0 {
			t.Errorf("served %v, left %+v", order, m)
		}
	})
}

func TestCrowd(t *testing.T) {
	var c crowd
	first, second, third := c.enter("a", 2), c.enter("a", 2), c.enter("a", 2)
	if !first || !second || third || !c.enter("b", 1) {
		t.Error("the bound is not two of each")
	}
	c.leave("a")
	if !c.enter("a", 2) {
		t.Error("who left still counts")
	}
	c.leave("a")
	c.leave("a")
	c.leave("b")
	if len(c.n) != 0 {
		t.Errorf("%v are remembered", c.n)
	}
}
