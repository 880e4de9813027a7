package hostfs

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// How often to look without a change, and how long to wait between two looks:
// many times what a look takes, within bounds.
const (
	resyncInterval = 15 * time.Second
	minPause       = 20 * time.Millisecond
	maxPause       = 300 * time.Millisecond
	restFactor     = 10
)

// Follow keeps the folders in line with the host until ctx is done.
func (m *Merge) Follow(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	note := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	w, err := newWatcher()
	if err != nil {
		return err
	}
	mounts, err := m.view.changes()
	if err != nil {
		return message.Errorf("watching the host's mounts: %w", err)
	}
	m.ended = make(chan struct{})
	go w.run(note)
	go watchMounts(mounts, note)
	go func() {
		defer close(m.ended)
		defer w.file.Close() //nolint:errcheck // it ends a read
		for m.lookAgain(ctx, w, changed) {
		}
	}()
	return nil
}

// lookAgain waits for a change and follows it. The watches come first: what
// changes after them is told.
func (m *Merge) lookAgain(ctx context.Context, w *watcher, changed <-chan struct{}) bool {
	m.view.do(func() { w.set(m.places()) })
	began := time.Now()
	m.sync()
	select {
	case <-ctx.Done():
		return false
	case <-time.After(min(max(minPause, restFactor*time.Since(began)), maxPause)):
	}
	select {
	case <-ctx.Done():
		return false
	case <-changed:
	case <-time.After(resyncInterval):
	}
	return true
}

// places lists the folders to watch, and what for. It is for the view to run.
func (m *Merge) places() map[string]uint32 {
	all := map[string]uint32{}
	for _, p := range m.parts {
		all[p.Path] |= namesChange
	}
	for _, dir := range m.Watch {
		all[dir] |= namesChange
	}
	for _, f := range m.Files {
		for _, dir := range wayTo(f.Path) {
			all[dir] |= namesChange | unix.IN_CLOSE_WRITE
		}
	}
	return all
}

// wayTo lists the folders in which a change may make a path lead to another
// file: that of each link on the way, and at last the nearest that exists.
func wayTo(path string) (folders []string) {
	const longest = 10
	for range longest {
		dir := filepath.Dir(path)
		for dir != "/" && !isFolder(dir) {
			dir = filepath.Dir(dir)
		}
		folders = append(folders, dir)
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return folders
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// namesChange asks for changes of a folder's names alone: fsnotify would tell
// of each write to a file in it, of which a folder of logs has many.
// Source: inotify(7).
const namesChange = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO

type watcher struct {
	fd     int
	file   *os.File
	places map[int]bool // by watch descriptor
}

func newWatcher() (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, message.Errorf("watching the host's directories: %w", os.NewSyscallError("inotify_init1", err))
	}
	return &watcher{fd: fd, file: os.NewFile(uintptr(fd), "inotify"), places: map[int]bool{}}, nil
}

// set watches folders, as they are found now, and no others. What can't be
// watched is looked at in intervals.
func (w *watcher) set(places map[string]uint32) {
	now := map[int]bool{}
	for path, mask := range places {
		wd, err := unix.InotifyAddWatch(w.fd, path, mask|unix.IN_ONLYDIR)
		if err != nil {
			continue
		}
		now[wd] = true
	}
	for wd := range w.places {
		if !now[wd] {
			unix.InotifyRmWatch(w.fd, uint32(wd)) //nolint:errcheck // it is gone already when the folder is
		}
	}
	w.places = now
}

// run calls note for changes until the file is closed. What has changed is
// looked for, not read.
func (w *watcher) run(note func()) {
	for events := make([]byte, os.Getpagesize()); ; {
		if _, err := w.file.Read(events); err != nil {
			return
		}
		note()
	}
}

// watchMounts calls note when mounts change, for as long as the process is.
func watchMounts(mounts int, note func()) {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(mounts), Events: unix.POLLPRI}}, -1)
		switch {
		case err == nil:
			note()
		case err != unix.EINTR:
			slog.Error("watching the host's mounts", "error", err)
			return
		}
	}
}
