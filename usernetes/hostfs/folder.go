// Package hostfs shows the node the host's files. A merged folder of the
// node, such as /opt, is a folder of its own on disk, and over it each entry
// that the host has in its folder of that name, bind-mounted: what the node
// makes there lasts, and what the host has there is the host's own.
package hostfs

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Folder is one merged folder.
type Folder struct {
	Path string   // the same on the host and in the node
	Base string   // the node's own folder on disk; "" is one in memory
	Own  []string // names in it that are never the host's
}

// A Problem is what a user of the node has to know about a host's path that
// the node does not see as it is.
type Problem struct {
	Path          string
	Fault, Remedy message.Text
}

func (p Problem) same(other Problem) bool {
	return p.Path == other.Path && p.Fault.Equal(other.Fault) && p.Remedy.Equal(other.Remedy)
}

// nested reports whether a folder is seen through another's mount, and so has
// none of its own.
func nested(f Folder, all []Folder) bool { return above(f, all) != nil }

// above returns the merged folder that f is in, or nil.
func above(f Folder, all []Folder) *Folder {
	for i := range all {
		if filepath.Dir(f.Path) == all[i].Path {
			return &all[i]
		}
	}
	return nil
}

// owns reports whether a name in a folder is never the host's. A merged
// folder in it is one, and so is what is half made.
func (f Folder) owns(name string, all []Folder) bool {
	return slices.Contains(f.Own, name) || strings.HasPrefix(name, draft) ||
		slices.ContainsFunc(all, func(in Folder) bool { return in.Path == filepath.Join(f.Path, name) })
}

// draft begins the names of what is half made in a base.
const draft = ".u7s-draft"
