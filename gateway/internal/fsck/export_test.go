package fsck

// The parts that tests look at alone.
var (
	EachTile     = eachTile
	ParseCopyKey = parseCopyKey
)

// TilesAtOnce is how far EachTile looks at a time.
const TilesAtOnce = tilesAtOnce
