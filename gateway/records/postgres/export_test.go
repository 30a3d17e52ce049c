package postgres

// Hasten has Open wait for the lock for a moment only.
func Hasten() { lockWait = "200ms" }
