package bag

// openFlags has nothing to add on Windows: opening a regular file that was
// replaced by a named pipe does not wait there.
const openFlags = 0
