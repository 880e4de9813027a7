package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/alt-cloud/podsec-k8s/message"
)

// testHost is a host below a temporary folder, with accounts of its own. The
// account tools are played; all else is real.
func testHost(t *testing.T) *Host {
	t.Helper()
	h := &Host{Root: memoryDir(t), State: "/var/lib/podsec-k8s"}
	for path, text := range map[string]string{
		"/etc/passwd":                         "root:x:0:0::/root:/bin/sh\n",
		"/etc/group":                          "root:x:0:\n",
		"/etc/subuid":                         "alice:100000:65536\n",
		"/etc/subgid":                         "alice:100000:65536\n",
		"/etc/systemd/system/kubelet.service": "of the administrator\n",
		"/proc/sys/user/max_user_namespaces":  "100\n",
		"/proc/sys/net/ipv4/ping_group_range": "1\t0\n",
		"/usr/sbin/control":                   "",
		"/sbin/modprobe":                      "",
		"/state-of-control/newuidmap":         "restricted",
		"/var/lib/systemd/linger/somebody":    "",
	} {
		if err := os.MkdirAll(filepath.Dir(h.path(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.path(path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h.Run = func(_ context.Context, c Command) error { return playTools(h, c) }
	return h
}

// memoryDir is a temporary folder, in memory where there is such: the tests
// sync files thousands of times.
func memoryDir(t *testing.T) string {
	t.Helper()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		t.Setenv("TMPDIR", "/dev/shm")
	}
	return t.TempDir()
}

// playTools does what the account tools and control do to their files.
func playTools(h *Host, c Command) error {
	name := c.Args[len(c.Args)-1]
	switch filepath.Base(c.Path) {
	case "useradd":
		return edit(h, "/etc/passwd", name+":x:"+c.Args[2]+":"+c.Args[4]+"::/var/lib/u7s-admin:/sbin/nologin\n", true)
	case "groupadd":
		return edit(h, "/etc/group", name+":x:"+c.Args[2]+":\n", true)
	case "userdel":
		return edit(h, "/etc/passwd", name+":", false)
	case "groupdel":
		return edit(h, "/etc/group", name+":", false)
	case "usermod":
		return playUsermod(h, c.Args[0], c.Args[1], name)
	case "control":
		if len(c.Args) == 2 {
			return os.WriteFile(h.path("/state-of-control/"+c.Args[0]), []byte(c.Args[1]), 0o644)
		}
		state, err := os.ReadFile(h.path("/state-of-control/" + c.Args[0]))
		if err == nil {
			_, err = c.Stdout.Write(state)
		}
		return err
	case "modprobe":
		return nil
	}
	return fmt.Errorf("no such program: %s", c.Path)
}

func playUsermod(h *Host, verb, ids, name string) error {
	first, last, _ := strings.Cut(ids, "-")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(last)
	path := map[string]string{"subuids": "/etc/subuid", "subgids": "/etc/subgid"}[verb[len("--add-"):]]
	line := fmt.Sprintf("%s:%d:%d\n", name, a, b-a+1)
	return errors.Join(errA, errB, edit(h, path, line, strings.HasPrefix(verb, "--add")))
}

// edit adds a line to a file, or removes the lines that begin with it.
func edit(h *Host, path, line string, add bool) error {
	data, err := os.ReadFile(h.path(path))
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(strings.SplitAfter(string(data), "\n"), func(l string) bool { return strings.HasPrefix(l, line) })
	if add {
		lines = append(lines, line)
	}
	return os.WriteFile(h.path(path), []byte(strings.Join(lines, "")), 0o644)
}

func testPlan() Plan {
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid()) // so that chown works for everyone
	return Plan{
		User{Name: "u7s-admin", UID: 998, GID: 998, Home: "/var/lib/u7s-admin"},
		HomeFolder{Path: "/var/lib/u7s-admin", UID: uid, GID: gid},
		SubIDs{User: "u7s-admin", UIDStart: 165536, GIDStart: 165536, Count: 65536, More: []SubIDRange{{300000, 400000, 1000}}},
		Control{Facility: "newuidmap", State: "public"},
		Modules{Names: []string{"tun"}},
		Sysctl{Name: "user.max_user_namespaces", Value: "28633"},
		Sysctl{Name: "net.ipv4.ping_group_range", Value: "0 2147483647"},
		Sysctl{Name: "kernel.not_there", Value: "1"},
		Reload{Of: "a"},
		File{Path: "/etc/systemd/system/kubelet.service", Data: []byte("ours\n"), Mode: 0o644},
		File{Path: "/etc/systemd/system/kubelet.service.d/zz.conf", Data: []byte("drop-in\n"), Mode: 0o644},
		Link{Path: "/etc/systemd/system/multi-user.target.wants/kubelet.service", Target: "/etc/systemd/system/kubelet.service"},
		Linger{User: "u7s-admin", UID: 998},
		Stopped{Unit: "kubelet.service"},
		LogFolder{Path: "/var/log/kubernetes/audit", UID: uid, GID: gid},
	}
}

// erasedTo: erase gives back the files that were there before.
func erasedTo(t *testing.T, h *Host, before []string) {
	t.Helper()
	if err := Erase(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	sameTree(t, before, tree(t, h))
}

// tree lists all that is below a host's root: kind, mode, owner and content.
func tree(t *testing.T, h *Host) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(h.Root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%s %v %d:%d", strings.TrimPrefix(path, h.Root), info.Mode(), owner.Uid, owner.Gid)
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %q", strings.Join(strings.Fields(string(data)), " "))
		} else if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " " + target
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(line string) bool { return strings.HasPrefix(line, "/var/lib/podsec-k8s d") })
}

func sameTree(t *testing.T, before, after []string) {
	t.Helper()
	for _, line := range before {
		if !slices.Contains(after, line) {
			t.Errorf("gone: %s", line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			t.Errorf("new: %s", line)
		}
	}
}

func apply(t *testing.T, h *Host, p Plan) {
	t.Helper()
	if err := p.Apply(t.Context(), h); err != nil {
		t.Fatal(err)
	}
}

func TestEraseGivesBackTheHost(t *testing.T) {
	h := testHost(t)
	before := tree(t, h)
	apply(t, h, testPlan())
	for _, c := range []struct{ path, says string }{
		{"/etc/systemd/system/kubelet.service", "ours"},
		{"/etc/subuid", "u7s-admin:165536:65536"},
		{"/etc/subuid", "u7s-admin:300000:1000"},
		{"/etc/subgid", "u7s-admin:400000:1000"},
		{"/proc/sys/user/max_user_namespaces", "28633"},
		{"/state-of-control/newuidmap", "public"},
	} {
		if data, err := os.ReadFile(h.path(c.path)); err != nil || !strings.Contains(string(data), c.says) {
			t.Errorf("%s: %q, %v", c.path, data, err)
		}
	}
	erasedTo(t, h, before)
}

func TestApplyAgainChangesNothing(t *testing.T) {
	h := testHost(t)
	apply(t, h, testPlan())
	once := tree(t, h)
	apply(t, h, testPlan())
	sameTree(t, once, tree(t, h))
}

var errBroken = errors.New("broken on purpose")

// TestApplyFailsAtEveryStep breaks the n-th edit of the host, for every n,
// and again with every edit after it broken too while the faults are mended.
func TestApplyFailsAtEveryStep(t *testing.T) {
	for n := 1; ; n++ {
		h := testHost(t)
		before := tree(t, h)
		count := 0
		h.Step = func(string, string) error {
			if count++; count == n {
				return errBroken
			}
			return nil
		}
		err := testPlan().Apply(t.Context(), h)
		if err == nil {
			if n < 20 {
				t.Errorf("only %d steps", n)
			}
			return
		}
		var f *Fault
		if !errors.Is(err, errBroken) || !errors.As(err, &f) || f.Remedy.Empty() {
			t.Errorf("step %d: %v", n, err)
		}
		sameTree(t, before, tree(t, h))
		if t.Failed() {
			t.Fatalf("with step %d broken", n)
		}
	}
}

// TestPowerFailsAtEveryStep lets every edit from the n-th on fail, as when
// power goes: the next run converges, and erase gives back the host.
func TestPowerFailsAtEveryStep(t *testing.T) {
	for n := 1; ; n++ {
		h := testHost(t)
		before := tree(t, h)
		count := 0
		h.Step = func(string, string) error {
			if count++; count >= n {
				return errBroken
			}
			return nil
		}
		err := testPlan().Apply(t.Context(), h)
		h.Step = nil
		if err == nil {
			return
		}
		apply(t, h, testPlan())
		if err := Erase(t.Context(), h); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
		sameTree(t, before, tree(t, h))
		if t.Failed() {
			t.Fatalf("power gone at step %d", n)
		}
	}
}

// TestEraseFailsAtEveryStep breaks erase at the n-th edit: run again, it
// ends as if nothing had been.
func TestEraseFailsAtEveryStep(t *testing.T) {
	for n := 1; ; n++ {
		h := testHost(t)
		before := tree(t, h)
		apply(t, h, testPlan())
		count := 0
		h.Step = func(string, string) error {
			if count++; count == n {
				return errBroken
			}
			return nil
		}
		err := Erase(t.Context(), h)
		h.Step = nil
		if err == nil {
			return
		}
		if err := Erase(t.Context(), h); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
		sameTree(t, before, tree(t, h))
		if t.Failed() {
			t.Fatalf("with step %d of erase broken", n)
		}
	}
}

func TestEraseKeepsWhatIsNotOursAnyMore(t *testing.T) {
	h := testHost(t)
	var notes []string
	h.Note = func(text message.Text) { notes = append(notes, text.String()) }
	apply(t, h, testPlan())
	edited := "/etc/systemd/system/kubelet.service"
	if err := os.WriteFile(h.path(edited), []byte("edited since\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Erase(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(h.path(edited)); err != nil || string(data) != "edited since\n" {
		t.Errorf("%q, %v", data, err)
	}
	if !slices.ContainsFunc(notes, func(text string) bool { return strings.Contains(text, "kept "+edited) }) {
		t.Errorf("nobody was told: %q", notes)
	}
}

func TestUpgradedFileIsStillOurs(t *testing.T) {
	h := testHost(t)
	before := tree(t, h)
	path := "/etc/systemd/system/kubelet.service"
	apply(t, h, Plan{File{Path: path, Data: []byte("first"), Mode: 0o644}})
	apply(t, h, Plan{File{Path: path, Data: []byte("second"), Mode: 0o644}})
	erasedTo(t, h, before)
}

func TestClusterIsKeptAndTakenBack(t *testing.T) {
	h := testHost(t)
	apply(t, h, testPlan())
	data := h.path("/var/lib/u7s-admin/state")
	for _, err := range []error{
		os.WriteFile(data, []byte("etcd"), 0o600),
		os.WriteFile(h.path(h.clusterNote()), nil, 0o600),
		Erase(t.Context(), h),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if h.present("/var/lib/u7s-admin") || !h.present("/var/lib/podsec-k8s/saved/home/state") {
		t.Fatal("the cluster was not put aside")
	}
	saved, err := h.SavedIDs()
	if err != nil || saved == nil || saved.UID != uint32(os.Getuid()) {
		t.Errorf("saved ids %v, %v", saved, err)
	}
	apply(t, h, testPlan())
	if text, err := os.ReadFile(data); err != nil || string(text) != "etcd" || !h.present(h.clusterNote()) {
		t.Errorf("the cluster is not back: %q, %v", text, err)
	}
}

// TestMoreIDsGoWhenNothingRuns: ids that came after the units did are taken
// back after these were stopped, for usermod refuses to while anything of the
// user runs.
func TestMoreIDsGoWhenNothingRuns(t *testing.T) {
	h := testHost(t)
	var notes []string
	h.Note = func(text message.Text) { notes = append(notes, text.String()) }
	before := tree(t, h)
	plan := testPlan()
	first := slices.DeleteFunc(slices.Clone(plan), func(c Change) bool { return c.Kind() == SubIDs{}.Kind() })
	apply(t, h, first)
	if err := os.WriteFile(h.path(h.clusterNote()), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	apply(t, h, Plan{SubIDs{User: "u7s-admin", More: []SubIDRange{{300000, 400000, 1000}}}})
	if !slices.ContainsFunc(notes, func(text string) bool {
		return strings.Contains(text, "systemctl stop kubelet; systemctl start kubelet")
	}) {
		t.Errorf("nobody was told to restart the node: %q", notes)
	}
	if err := Remove(h.path(h.clusterNote())); err != nil {
		t.Fatal(err)
	}
	lingering := true
	h.Step = func(deed, path string) error {
		if deed == "remove" && strings.HasPrefix(path, lingerDir) {
			lingering = false
		}
		if deed == "run" && path == "usermod" && lingering {
			return errors.New("usermod: user u7s-admin is currently used by process 7")
		}
		return nil
	}
	erasedTo(t, h, before)
}

// TestKeptClusterFitsItsIDs: a kept home is taken back where its ids are the
// same, and more may have come behind them.
func TestKeptClusterFitsItsIDs(t *testing.T) {
	kept := Saved{UID: 1, GID: 2, SubUIDs: 3, SubGIDs: 4, More: []SubIDRange{{5, 6, 7}}}
	for _, c := range []struct {
		home HomeFolder
		fits bool
	}{
		{HomeFolder{UID: 1, GID: 2, SubUIDs: 3, SubGIDs: 4, More: []SubIDRange{{5, 6, 7}}}, true},
		{HomeFolder{UID: 1, GID: 2, SubUIDs: 3, SubGIDs: 4, More: []SubIDRange{{5, 6, 7}, {8, 9, 10}}}, true},
		{HomeFolder{UID: 1, GID: 2, SubUIDs: 3, SubGIDs: 4}, false},
		{HomeFolder{UID: 1, GID: 2, SubUIDs: 3, SubGIDs: 4, More: []SubIDRange{{5, 6, 8}}}, false},
		{HomeFolder{UID: 1, GID: 2, SubUIDs: 99, SubGIDs: 4, More: []SubIDRange{{5, 6, 7}}}, false},
	} {
		if kept.Fits(c.home) != c.fits {
			t.Errorf("%+v: fits is not %v", c.home, c.fits)
		}
	}
}

func TestUserFromBeforeStays(t *testing.T) {
	h := testHost(t)
	if err := edit(h, "/etc/passwd", "u7s-admin:x:500:500::/home/u:/bin/sh\n", true); err != nil {
		t.Fatal(err)
	}
	before := tree(t, h)
	apply(t, h, Plan{User{Name: "u7s-admin", UID: 500, GID: 500}})
	erasedTo(t, h, before)
}

func TestFreeRange(t *testing.T) {
	for _, c := range []struct {
		name  string
		taken []IDRange
		want  uint64
	}{
		{"nothing taken", nil, 100000},
		{"behind the last", []IDRange{{"a", 100000, 65536}}, 165536},
		{"in a gap", []IDRange{{"a", 100000, 65536}, {"b", 300000, 65536}}, 165536},
		{"gap too small", []IDRange{{"a", 100000, 65536}, {"b", 200000, 65536}}, 265536},
		{"unsorted and overlapping", []IDRange{{"b", 150000, 65536}, {"a", 100000, 65536}}, 215536},
		{"below the first", []IDRange{{"a", 1000000, 65536}}, 100000},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := FreeRange(c.taken, 100000, 65536); err != nil || got != c.want {
				t.Errorf("got %d, %v, want %d", got, err, c.want)
			}
		})
	}
	if _, err := FreeRange([]IDRange{{"a", 0, idLimit}}, 100000, 65536); !errors.Is(err, ErrNoRange) {
		t.Errorf("got %v with every id taken", err)
	}
}

func FuzzFreeRange(f *testing.F) {
	f.Add(uint64(100000), uint64(65536), uint64(300000), uint64(10))
	f.Fuzz(func(t *testing.T, startA, countA, startB, countB uint64) {
		taken := []IDRange{{"a", startA, countA}, {"b", startB, countB}}
		got, err := FreeRange(taken, 100000, 65536)
		if err != nil {
			return
		}
		for _, r := range taken {
			if r.Count > 0 && got < r.end() && r.Start < got+65536 {
				t.Errorf("%d overlaps %+v", got, r)
			}
		}
	})
}

func FuzzSplitColons(f *testing.F) {
	f.Add([]byte("alice:100000:65536\nbroken\n:::\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { parseRanges(splitColons(data, 3)) })
}
