package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/message"
)

func put(t *testing.T, h *Host, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(path)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.path(path), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// shadowHost is a host whose account tools write shadow files as well, each
// file in its turn. After killed writes, counted down, they are killed.
func shadowHost(t *testing.T) (h *Host, killed *int) {
	h = testHost(t)
	put(t, h, "/etc/shadow", "root:!:1::::::\n")
	put(t, h, "/etc/gshadow", "root:*::\n")
	killed = new(int)
	*killed = -1
	h.Run = func(_ context.Context, c Command) error { return playShadowTools(h, c, killed) }
	return h, killed
}

var errKilled = errors.New("signal: killed")

func playShadowTools(h *Host, c Command, killed *int) error {
	name := c.Args[len(c.Args)-1]
	write := func(path, line string, add bool) error {
		if *killed == 0 {
			return errKilled
		}
		*killed--
		return edit(h, path, line, add)
	}
	all := func(faults ...error) error { return errors.Join(faults...) }
	switch c.Path {
	case "useradd":
		return all(write("/etc/passwd", name+":x:"+c.Args[2]+":"+c.Args[4]+"::/var/lib/u7s-admin:/sbin/nologin\n", true), write("/etc/shadow", name+":!:1::::::\n", true))
	case "userdel":
		return all(write("/etc/passwd", name+":", false), write("/etc/shadow", name+":", false), write("/etc/group", name+":", false), write("/etc/gshadow", name+":", false))
	case "groupadd":
		return all(write("/etc/group", name+":x:"+c.Args[2]+":\n", true), write("/etc/gshadow", name+":!::\n", true))
	case "groupdel":
		return all(write("/etc/group", name+":", false), write("/etc/gshadow", name+":", false))
	}
	return playTools(h, c)
}

// TestAccountToolsKilledAtEveryWrite: the next run makes the user whole, and
// erase leaves no line of it, whenever a tool was killed.
func TestAccountToolsKilledAtEveryWrite(t *testing.T) {
	plan := Plan{User{Name: "u7s-admin", UID: 998, GID: 998}, SubIDs{User: "u7s-admin", UIDStart: 165536, GIDStart: 165536, Count: 65536}}
	whole, _ := shadowHost(t)
	apply(t, whole, plan)
	want := tree(t, whole)
	for n := range 4 { // groupadd and useradd write two files each
		h, killed := shadowHost(t)
		before := tree(t, h)
		*killed = n
		// Power is gone with the tool, so nothing is undone either.
		h.Step = func(deed, _ string) error {
			if *killed == 0 && deed != "run" {
				return errKilled
			}
			return nil
		}
		if err := plan.Apply(t.Context(), h); !errors.Is(err, errKilled) {
			t.Fatalf("killed at write %d: %v", n, err)
		}
		*killed, h.Step = -1, nil
		apply(t, h, plan)
		sameTree(t, want, tree(t, h))
		erasedTo(t, h, before)
		if t.Failed() {
			t.Fatalf("killed at write %d", n)
		}
	}
	for n := range 4 { // userdel writes four
		h, killed := shadowHost(t)
		before := tree(t, h)
		apply(t, h, plan)
		*killed = n
		if err := Erase(t.Context(), h); !errors.Is(err, errKilled) {
			t.Fatalf("erase killed at write %d: %v", n, err)
		}
		*killed = -1
		erasedTo(t, h, before)
		if t.Failed() {
			t.Fatalf("erase killed at write %d", n)
		}
	}
}

// TestUserInTCB: on ALT the user's shadow line is in a folder of its own.
func TestUserInTCB(t *testing.T) {
	h := testHost(t)
	put(t, h, "/etc/passwd", "u7s-admin:x:998:998::/:/sbin/nologin\n")
	put(t, h, "/etc/tcb/root/shadow", "root:!:1::::::\n")
	user := User{Name: "u7s-admin"}
	if half, err := user.HalfMade(h); err != nil || !half {
		t.Errorf("without a shadow line: half %v, %v", half, err)
	}
	put(t, h, "/etc/tcb/u7s-admin/shadow", "u7s-admin:!:1::::::\n")
	if half, err := user.HalfMade(h); err != nil || half {
		t.Errorf("with a shadow line: half %v, %v", half, err)
	}
}

// TestLeftoversOfKilledRuns: what a killed run, of ours or of an account tool,
// leaves behind is gone after the next; what others keep under such names
// stays.
func TestLeftoversOfKilledRuns(t *testing.T) {
	ours := []string{
		"/var/lib/podsec-k8s/journal/.0006-sysctl.json123", "/var/lib/podsec-k8s/.cluster77", "/var/lib/podsec-k8s/saved/ids.json",
		"/etc/systemd/system/.kubelet.service9142", "/etc/systemd/system/kubelet.service.d/.zz.conf1",
		"/etc/systemd/system/multi-user.target.wants/kubelet.service.podsec-k8s", "/var/lib/systemd/linger/.u7s-admin5",
		"/etc/passwd+", "/etc/subuid+", "/etc/gshadow+", "/etc/passwd.lock", "/etc/group.lock",
	}
	theirs := []string{"/etc/systemd/system/.kubelet.service.swp", "/etc/passwd.20240101", "/etc/passwd-", "/etc/passwd.lock.old", "/etc/shadow.lock", "/etc/systemd/system/.other.service1"}
	for name, run := range map[string]func(*Host) error{
		"apply": func(h *Host) error { return testPlan().Apply(t.Context(), h) },
		"erase": func(h *Host) error { return Erase(t.Context(), h) },
	} {
		t.Run(name, func(t *testing.T) {
			h := testHost(t)
			apply(t, h, testPlan())
			for _, path := range slices.Concat(ours, theirs) {
				put(t, h, path, "{}")
			}
			put(t, h, "/etc/passwd.lock", "4242\x00") // nobody
			put(t, h, "/etc/group.lock", "17\x00")    // a number that was given anew
			put(t, h, "/proc/17/comm", "crond\n")
			put(t, h, "/etc/shadow.lock", "18\x00")
			put(t, h, "/proc/18/comm", "vipw\n")
			put(t, h, "/etc/group.4711", "4711\x00")
			if err := run(h); err != nil {
				t.Fatal(err)
			}
			for _, path := range append(ours, "/etc/group.4711") {
				if h.present(path) {
					t.Errorf("still there: %s", path)
				}
			}
			for _, path := range theirs {
				if !h.present(path) {
					t.Errorf("gone: %s", path)
				}
			}
		})
	}
}

// TestAccountFilesAreMade: subordinate ids are given where their files are
// missing, which go again, unless somebody has lines in them by then.
func TestAccountFilesAreMade(t *testing.T) {
	plan := Plan{
		AccountFile{"/etc/subuid"},
		AccountFile{"/etc/subgid"},
		User{Name: "u7s-admin", UID: 998, GID: 998},
		SubIDs{User: "u7s-admin", UIDStart: 165536, GIDStart: 165536, Count: 65536},
	}
	h := testHost(t)
	var notes []string
	h.Note = func(text message.Text) { notes = append(notes, text.String()) }
	for _, path := range []string{"/etc/subuid", "/etc/subgid"} {
		if err := os.Remove(h.path(path)); err != nil {
			t.Fatal(err)
		}
	}
	before := tree(t, h)
	apply(t, h, plan)
	apply(t, h, plan)
	if data, err := os.ReadFile(h.path("/etc/subgid")); err != nil || string(data) != "u7s-admin:165536:65536\n" {
		t.Errorf("%q, %v", data, err)
	}
	erasedTo(t, h, before)
	apply(t, h, plan)
	if err := edit(h, "/etc/subuid", "bob:300000:1\n", true); err != nil {
		t.Fatal(err)
	}
	if err := Erase(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(h.path("/etc/subuid")); err != nil || string(data) != "bob:300000:1\n" || h.present("/etc/subgid") {
		t.Errorf("%q, %v", data, err)
	}
	if !slices.Contains(notes, "kept /etc/subuid: changed since install") {
		t.Errorf("nobody was told: %q", notes)
	}
	put(t, h, "/etc/subgid/x", "")
	var f *Fault
	if err := plan.Apply(t.Context(), h); !errors.As(err, &f) || !strings.Contains(f.Remedy.String(), "mv /etc/subgid") {
		t.Errorf("a folder in its place: %v", err)
	}
}

// TestUserStaysWithItsCluster: a home that can't be put aside keeps its user,
// and all goes once it can.
func TestUserStaysWithItsCluster(t *testing.T) {
	h := testHost(t)
	before := tree(t, h)
	apply(t, h, testPlan())
	put(t, h, h.clusterNote(), "")
	broken := true
	h.Step = func(deed, path string) error {
		if broken && deed == "rename" && path == "/var/lib/u7s-admin" {
			return errBroken
		}
		return nil
	}
	var f *Fault
	if err := Erase(t.Context(), h); !errors.Is(err, errBroken) || !errors.As(err, &f) {
		t.Errorf("erase says %v", err)
	}
	for path, line := range map[string]string{"/etc/passwd": "u7s-admin:", "/etc/subuid": "u7s-admin:165536"} {
		if data, err := os.ReadFile(h.path(path)); err != nil || !strings.Contains(string(data), line) {
			t.Errorf("%s lacks %s: %q, %v", path, line, data, err)
		}
	}
	broken = false
	if err := errors.Join(Remove(h.path(h.clusterNote())), Erase(t.Context(), h)); err != nil {
		t.Fatal(err)
	}
	sameTree(t, before, tree(t, h))
}

// TestSecondKeptCluster: one that was kept before and not taken back is not in
// the way of the next.
func TestSecondKeptCluster(t *testing.T) {
	h := testHost(t)
	for n := range 2 {
		put(t, h, "/var/lib/podsec-k8s/saved/ids.json", fmt.Sprintf(`{"UID":%d}`, 4000+n)) // of others by now
		put(t, h, "/var/lib/podsec-k8s/saved/home/cluster", fmt.Sprint(n))
		apply(t, h, testPlan())
		put(t, h, h.clusterNote(), "")
		if err := Erase(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(h.path(fmt.Sprintf("/var/lib/podsec-k8s/saved.%d/home/cluster", n+1)))
		if err != nil || string(data) != fmt.Sprint(n) {
			t.Errorf("the older cluster: %q, %v", data, err)
		}
		if err := os.RemoveAll(h.path("/var/lib/podsec-k8s/saved")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMounted(t *testing.T) {
	h := testHost(t)
	put(t, h, "/proc/self/mountinfo", "36 35 98:0 / /var/lib/u7s-admin rw - ext4 /dev/sdb rw\n37 35 98:0 /x /var/lib/other rw - ext4 /dev/sdb rw\n")
	for path, want := range map[string]bool{"/var/lib/u7s-admin": true, "/var/lib/other": true, "/var/lib": false, "/x": false} {
		if h.mounted(path) != want {
			t.Errorf("%s: mounted is not %v", path, want)
		}
	}
}
