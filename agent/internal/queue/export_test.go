package queue

// Parse lets tests read an entry.
var Parse = parse
