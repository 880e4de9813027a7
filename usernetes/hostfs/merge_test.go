package hostfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A merged is a folder of a played host, merged, with one in memory beside it.
type merged struct {
	t          *testing.T
	path, base string
	*Merge

	mutex    sync.Mutex
	problems []Problem
}

// in is a path in the folder, as the node sees it.
func (m *merged) in(name string) string { return filepath.Join(m.path, name) }

// onHost does something on the host.
func (m *merged) onHost(do func() error) {
	m.t.Helper()
	var err error
	m.view.do(func() { err = do() })
	must(m.t, err)
}

// told is the faults that were told last.
func (m *merged) told() string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return fmt.Sprint(m.problems)
}

// until waits for something that the merge brings about.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for !is() {
		if t.Context().Err() != nil {
			t.Fatalf("waiting for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// holds reports whether a file has that text.
func holds(path, text string) bool {
	data, err := os.ReadFile(path)
	return err == nil && string(data) == text
}

// merge merges a folder that the host has these files in, and the node those. A
// name with a slash at its end is a folder.
func merge(t *testing.T, hosts, nodes []string) *merged {
	t.Helper()
	dir := t.TempDir()
	m := &merged{t: t, path: filepath.Join(dir, "host"), base: filepath.Join(dir, "node")}
	for folder, names := range map[string][]string{m.path: hosts, m.base: nodes} {
		must(t, os.MkdirAll(folder, 0o755))
		for _, name := range names {
			path := filepath.Join(folder, name)
			must(t, os.MkdirAll(filepath.Dir(path), 0o755))
			if strings.HasSuffix(name, "/") {
				must(t, os.MkdirAll(path, 0o755))
			} else {
				must(t, os.WriteFile(path, []byte(filepath.Base(folder)+"'s"), 0o644))
			}
		}
	}
	must(t, os.Mkdir(dir+"/memory", 0o755), os.WriteFile(dir+"/memory/x", []byte("host's"), 0o644))
	var err error
	m.Merge, err = Start(Options{
		Folders: []Folder{
			{Path: m.path, Base: m.base, Own: []string{"own", "made"}},
			{Path: dir + "/memory"},
			{Path: dir + "/nowhere", Base: m.base},
		},
		Files: []MadeFile{{
			Path: m.in("made"),
			Make: func(theirs []byte) []byte { return append([]byte("made of the "), theirs...) },
			Check: func(theirs []byte) *Problem {
				return map[bool]*Problem{true: {Fault: message.Of("the host has none")}}[theirs == nil]
			},
		}},
		Keep: func() error { return nil },
		Report: func(all []Problem) error {
			m.mutex.Lock()
			defer m.mutex.Unlock()
			m.problems = all
			return nil
		},
	})
	must(t, err)
	t.Cleanup(func() {
		for _, path := range []string{m.path, dir + "/memory"} {
			if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
	})
	return m
}

// TestMerge: the node sees the host's entries, its own, and what is made of the
// host's; where both have one, it is the node's, which is told of.
func TestMerge(t *testing.T) {
	m := merge(t, []string{"file", "folder/in", "both", "made", "own"}, []string{"mine", "both", "own", "folder/"})
	for name, want := range map[string]string{
		"file": "host's", "folder/in": "host's", "mine": "node's", "both": "node's", "own": "node's", "made": "made of the host's", "../memory/x": "host's",
	} {
		if !holds(m.in(name), want) {
			t.Errorf("%s is not %s", name, want)
		}
	}
	if told := m.told(); !strings.Contains(told, "the host has "+m.in("both")+", but the node has its own") || !strings.Contains(told, "nowhere, so the node has none") {
		t.Errorf("told: %s", told)
	}
	must(t, os.WriteFile(m.in("file"), []byte("written"), 0o644), os.WriteFile(m.in("new"), []byte("written"), 0o644))
	if !holds(m.base+"/new", "written") {
		t.Error("what the node makes does not last")
	}
	m.onHost(func() error {
		if !holds(m.in("file"), "written") || holds(m.in("new"), "written") {
			return errors.New("the host's file is not the one that the node sees")
		}
		return nil
	})
}

// TestFollow: what comes to the host, is replaced there, or goes, does so in the
// node and in a container that sees the whole folder. At the end no mount point is
// left on the disk.
func TestFollow(t *testing.T) {
	m := merge(t, []string{"stays", "goes", "made", "covered/x"}, []string{"mine", "covered/"})
	container := newContainer(t)
	ctx, cancel := context.WithCancel(t.Context())
	must(t, m.Follow(ctx))
	write := func(name, text string) func() error {
		return func() error { return os.WriteFile(m.in(name), []byte(text), 0o644) }
	}
	everywhere := func(name, text string) func() bool {
		return func() bool { return holds(m.in(name), text) && holds(container+m.in(name), text) }
	}
	m.onHost(write("comes", "first"))
	until(t, "a file that has come", everywhere("comes", "first"))
	m.onHost(func() error { return errors.Join(write("other", "second")(), os.Rename(m.in("other"), m.in("comes"))) })
	until(t, "a file that was replaced", everywhere("comes", "second"))
	m.onHost(func() error { return errors.Join(os.Symlink("comes", m.in("link")), unix.Mkfifo(m.in("pipe"), 0o644)) })
	until(t, "a link", func() bool { return holds(m.in("link"), "second") })
	until(t, "a pipe", func() bool { _, err := os.Lstat(m.in("pipe")); return err == nil })
	if !holds(m.in("covered/x"), "host's") {
		t.Error("an empty folder of the node's hides the host's")
	}
	m.onHost(func() error { return os.RemoveAll(m.in("covered")) })
	until(t, "the node's own folder", func() bool { return !holds(m.in("covered/x"), "host's") })
	m.onHost(func() error { return errors.Join(os.Remove(m.in("goes")), os.Remove(m.in("link"))) })
	until(t, "a file to go", func() bool {
		_, errFile := os.Lstat(m.in("goes"))
		_, errLink := os.Lstat(m.in("link"))
		return os.IsNotExist(errFile) && os.IsNotExist(errLink)
	})
	m.onHost(write("made", "new one"))
	until(t, "what is made of the host's", func() bool { return holds(m.in("made"), "made of the new one") })
	m.onHost(func() error { return os.Remove(m.in("made")) })
	until(t, "a word of what is missing", func() bool { return strings.Contains(m.told(), "the host has none") })
	cancel()
	must(t, m.End(t.Context()))
	left, err := names(m.base)
	slices.Sort(left)
	if want := []string{"covered", "made", "mine"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("on the disk are %q, %v", left, err)
	}
}

// TestEndWaits for what follows, and no longer than it may.
func TestEndWaits(t *testing.T) {
	m := merge(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	must(t, m.Follow(ctx))
	short, end := context.WithCancel(t.Context())
	end()
	if err := m.End(short); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	cancel()
	must(t, m.End(t.Context()))
}
