package hostfs

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A container that mounts a whole merged folder has a copy of it, and what is
// mounted in the node's folder later does not come to the copy. So it is
// mounted there as well.

// A mountedAt is one mount of a namespace.
type mountedAt struct {
	device string // of the file system, MAJOR:MINOR
	root   string // the folder of the file system that is mounted
	at     string
}

// readMounts reads a table of mounts. Source: proc(5), /proc/pid/mountinfo.
func readMounts(table io.Reader) (all []mountedAt, err error) {
	const device, root, at = 2, 3, 4
	octal := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for lines := bufio.NewScanner(table); lines.Scan(); err = lines.Err() {
		fields := strings.Fields(lines.Text())
		if len(fields) <= at {
			return nil, message.Errorf("%q is not a line of a mount table", lines.Text())
		}
		all = append(all, mountedAt{fields[device], octal.Replace(fields[root]), octal.Replace(fields[at])})
	}
	return all, err
}

func mountsOf(process string) ([]mountedAt, error) {
	table, err := os.Open(filepath.Join("/proc", process, "mountinfo"))
	if err != nil {
		return nil, err
	}
	defer table.Close() //nolint:errcheck // opened for reading
	return readMounts(table)
}

// copies lists where a namespace sees an entry of a merged folder by a copy of
// the folder's mount. base is that mount in the node, and rest leads from there
// to the entry.
func copies(all []mountedAt, base mountedAt, rest string) (paths []string) {
	for _, m := range all {
		if m.device == base.device && m.root == base.root {
			paths = append(paths, filepath.Join(m.at, rest))
		}
	}
	return paths
}

// bases lists the mounts by which the node sees a folder, and what leads from
// there to the folder.
func (m *Merge) bases(f Folder) (all []mountedAt, rest string, err error) {
	mounted := f.Path
	if in := above(f, m.Folders); in != nil {
		mounted, rest = in.Path, filepath.Base(f.Path)
	}
	if mounted, err = filepath.EvalSymlinks(mounted); err != nil {
		return nil, "", err
	}
	all, err = mountsOf("thread-self") // the first thread may be the view's
	return slices.DeleteFunc(all, func(mount mountedAt) bool { return mount.at != mounted }), rest, err
}

// spread brings an entry of a merged folder to the containers that see the
// whole folder: it mounts what the host has there, or with show false only
// takes the mount away.
func (m *Merge) spread(p *part, name string, show bool) error {
	bases, rest, err := m.bases(p.Folder)
	if err != nil {
		return err
	}
	others, err := m.otherNamespaces()
	if err != nil {
		return err
	}
	var faults []error
	for _, other := range others {
		defer other.file.Close() //nolint:errcheck // opened for reading
		for _, base := range bases {
			for _, path := range copies(other.mounts, base, filepath.Join(rest, name)) {
				faults = append(faults, m.showIn(other.file, path, filepath.Join(p.Path, name), show))
			}
		}
	}
	return errors.Join(faults...)
}

// An otherNamespace is one of mounts, which stays while its file is open.
type otherNamespace struct {
	file   *os.File
	mounts []mountedAt
}

// otherNamespaces opens each mount namespace in the node but its own and the
// view's.
func (m *Merge) otherNamespaces() ([]otherNamespace, error) {
	known := map[string]bool{}
	note := func() { link, _ := os.Readlink("/proc/thread-self/ns/mnt"); known[link] = true }
	note()
	m.view.do(note)
	all, err := names("/proc")
	if err != nil {
		return nil, err
	}
	processes := slices.DeleteFunc(all, func(name string) bool { return name == "self" || name == "thread-self" })
	nameOf := func(process string) (string, error) { return os.Readlink(filepath.Join("/proc", process, "ns/mnt")) }
	return eachNamespace(processes, known, nameOf, openNamespace), nil
}

// eachNamespace opens the namespaces that are not known yet, each once, by any of
// its processes: some end meanwhile, as those of kubectl exec do, and others of
// the same container run on.
func eachNamespace(processes []string, known map[string]bool, nameOf func(process string) (string, error), open func(process string) (otherNamespace, error)) (all []otherNamespace) {
	for _, process := range processes {
		name, err := nameOf(process)
		if err != nil || known[name] {
			continue // no process, or one that has ended
		}
		if other, err := open(process); err == nil {
			known[name] = true
			all = append(all, other)
		}
	}
	return all
}

func openNamespace(process string) (n otherNamespace, err error) {
	if n.file, err = os.Open(filepath.Join("/proc", process, "ns/mnt")); err != nil {
		return n, err
	}
	if n.mounts, err = mountsOf(process); err != nil {
		return n, errors.Join(err, n.file.Close())
	}
	return n, nil
}

// showIn mounts the host's entry at a path of another mount namespace. It holds
// nothing there that the container could not do to itself, so its paths need no
// trust.
func (m *Merge) showIn(namespace *os.File, path, entry string, show bool) (err error) {
	tree := -1
	if show {
		if tree, err = m.view.tree(entry, false); err != nil {
			return err
		}
		defer unix.Close(tree) //nolint:errcheck // what is mounted stays
	}
	err = inNamespace(int(namespace.Fd()), func() error { return replace(path, tree) })
	if err != nil {
		return message.Errorf("mounting the host's %q in a container: %w", entry, err)
	}
	return nil
}

// replace unmounts what is at a path and mounts a tree, if any, unless it is
// there already.
func replace(path string, tree int) error {
	var wanted unix.Stat_t
	now, err := status(path)
	if err != nil {
		return nil // the container does not see it
	}
	if tree < 0 {
		return unmountAll(path)
	}
	if err := unix.Fstat(tree, &wanted); err != nil {
		return err
	}
	if identityOf(now) == (identity{wanted.Dev, wanted.Ino}) {
		return nil
	}
	if err := unmountAll(path); err != nil {
		return err
	}
	return unix.MoveMount(tree, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// inNamespace runs a function in another mount namespace, on a thread that
// ends with it. Source: setns(2), "Details for specific namespace types".
func inNamespace(namespace int, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_FS)
		if err == nil {
			err = unix.Setns(namespace, unix.CLONE_NEWNS)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}
