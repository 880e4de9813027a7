package hostfs

// Options say what is merged. A folder comes before those in it.
type Options struct {
	Folders []Folder
	Files   []MadeFile
	Watch   []string              // other folders, changes in which concern Keep
	Keep    func() error          // restores what changes of the host may undo
	Report  func([]Problem) error // is told when the problems are others
}

// A MadeFile is a file of the node's own that is made of the host's file of
// that path. It is in a merged folder that owns its name.
type MadeFile struct {
	Path  string
	Make  func(host []byte) []byte   // host is nil where there is no such file
	Check func(host []byte) *Problem // tells what does not follow the host's; nil when all does
}

// A Merge keeps the merged folders.
type Merge struct {
	Options
	view     *view
	parts    []*part
	problems []Problem
	starting bool
	ended    chan struct{} // closed when nothing is followed any more
}

// A part is what is known of one merged folder.
type part struct {
	Folder
	base   string          // where the view has the node's own folder
	placed map[string]role // the entries that are mount points now
}
