package hostfs

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// A kind is what a mount point is for an entry. It has the entry's own type,
// for a listing of the folder tells the mount point's.
// Source: readdir(3), d_type.
type kind int

const (
	folder kind = iota
	file        // or a device
	socket
	pipe
	link // nothing can be mounted at one: it is copied
)

// An identity reports whether two paths are one file or folder.
// Source: inode(7).
type identity struct{ dev, ino uint64 }

// A hostEntry is one entry of a host's folder.
type hostEntry struct {
	kind   kind
	target string // of a link
	id     identity
}

// A role is what the node's own entry under a name is for.
type role int

const (
	content role = iota // the node's own; nothing is mounted over it
	stub                // made to be a mount point, or a copy of the host's link
	bare                // the node's own folder without files, which may be covered
)

// A nodeEntry is one entry of the node's own folder.
type nodeEntry struct {
	kind   kind
	target string // of a link
	role   role
	hollow bool     // it holds no data: nothing in a file, no file in a folder
	id     identity // of itself
	seen   identity // of what the node sees there
}

func (n nodeEntry) covered() bool { return n.seen != n.id }

// An action is what an entry needs.
type action int

const (
	add     action = iota // make the mount point, and mount
	cover                 // mount; what is mounted there is another's
	renew                 // take the mount point away, and make another
	remove                // take the mount point away, and with it the mount
	uncover               // unmount, and leave the node's own folder
	release               // unmount: somebody has put data into the mount point
)

// A step is one change to a merged folder.
type step struct {
	name string
	do   action
}

// decide compares what the host has in a folder with what the node's own has,
// and returns what to do, in the order of names, and the names that both have:
// there the node's stays.
func decide(owns func(string) bool, onHost map[string]hostEntry, inNode map[string]nodeEntry) (steps []step, both []string) {
	names := slices.Concat(slices.Collect(maps.Keys(onHost)), slices.Collect(maps.Keys(inNode)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		h, wanted := onHost[name]
		wanted = wanted && !owns(name)
		n, there := inNode[name]
		switch {
		case there && !wanted:
			steps = append(steps, leave(name, n)...)
		case there:
			more, clash := match(name, h, n)
			steps = append(steps, more...)
			if clash {
				both = append(both, name)
			}
		case wanted:
			steps = append(steps, step{name, add})
		}
	}
	return steps, both
}

// leave decides on an entry of the node's that the host does not have.
func leave(name string, n nodeEntry) []step {
	switch {
	case n.role == content:
		return nil
	case !n.hollow:
		return []step{{name, release}}
	case n.role == stub:
		return []step{{name, remove}}
	case n.covered():
		return []step{{name, uncover}}
	}
	return nil
}

// match decides on a name that both have, and reports whether the node's own
// stays there.
func match(name string, h hostEntry, n nodeEntry) (steps []step, clash bool) {
	same := n.kind == h.kind && n.target == h.target
	switch {
	case n.role == content:
		return nil, !same || h.kind != link
	case !n.hollow:
		return []step{{name, release}}, true
	case n.role == bare && !same:
		return leave(name, n), true
	case !same:
		return []step{{name, renew}}, false
	case h.kind != link && n.seen != h.id:
		return []step{{name, cover}}, false
	}
	return nil, false
}

// limit bounds the mounts in one folder: each container begins with a copy of
// them all.
const limit = 2000

// bounded returns the entries that are shown, folders before others, and how
// many are left out.
func bounded(entries map[string]hostEntry) (shown map[string]hostEntry, left int) {
	if len(entries) <= limit {
		return entries, 0
	}
	names := slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		if k := int(entries[a].kind) - int(entries[b].kind); k != 0 {
			return k
		}
		return strings.Compare(a, b)
	})
	shown = map[string]hostEntry{}
	for _, name := range names[:limit] {
		shown[name] = entries[name]
	}
	return shown, len(entries) - limit
}

func clash(f Folder, name string) Problem {
	path := filepath.Join(f.Path, name)
	p := Problem{
		Path:   path,
		Fault:  message.Of("the host has %s, but the node has its own: pods see the node's", path),
		Remedy: message.Of("move one of them to another place; the node's is %s", filepath.Join(f.Base, name)),
	}
	if f.Base == "" {
		p.Remedy = message.Of("the node's file is in memory: " + host.RestartNode)
	}
	return p
}

func tooMany(f Folder, left int) Problem {
	return Problem{
		Path: f.Path,
		Fault: message.Count(limit+left, "the host has %d entry in %s; the node does not see %d of them",
			"the host has %d entries in %s; the node does not see %d of them", limit+left, f.Path, left),
		Remedy: message.Of("put them into a directory of their own"),
	}
}

// String is for the log.
func (a action) String() string {
	switch a {
	case add:
		return "seen"
	case cover, renew:
		return "seen anew"
	case release:
		return "hidden by data of the node's"
	default:
		return "gone"
	}
}
