package admit

import "sync"

// crowd counts what each caller has at once.
type crowd struct {
	mu sync.Mutex // guards n
	n  map[string]int
}

// enter counts one more of a caller, or reports that there are as many as most.
func (c *crowd) enter(key string, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[key] >= most {
		return false
	}
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[key]++
	return true
}

// leave uncounts one.
func (c *crowd) leave(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[key]--; c.n[key] == 0 {
		delete(c.n, key)
	}
}
