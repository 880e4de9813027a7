package hostfs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadMounts(t *testing.T) {
	got, err := readMounts(strings.NewReader("36 35 98:0 /a\\040b /mnt\\134 rw,noatime master:1 - ext3 /dev/root rw\n"))
	if want := []mountedAt{{"98:0", "/a b", `/mnt\`}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := readMounts(strings.NewReader("36 35\n")); err == nil {
		t.Error("half a line is read")
	}
}

func TestCopies(t *testing.T) {
	base := mountedAt{"8:1", "/state/root/var/log", "/var/log"}
	for name, c := range map[string]struct {
		mounts []mountedAt
		want   []string
	}{
		"the whole folder":        {[]mountedAt{{"8:1", "/state/root/var/log", "/logs"}}, []string{"/logs/app.log"}},
		"twice":                   {[]mountedAt{{"8:1", "/state/root/var/log", "/a"}, {"8:1", "/state/root/var/log", "/b"}}, []string{"/a/app.log", "/b/app.log"}},
		"by the folder above":     {[]mountedAt{{"0:5", "/", "/host"}, {"8:1", "/state/root/var/log", "/host/var/log"}}, []string{"/host/var/log/app.log"}},
		"a folder in it":          {[]mountedAt{{"8:1", "/state/root/var/log/pods", "/pods"}}, nil},
		"the same path elsewhere": {[]mountedAt{{"8:2", "/state/root/var/log", "/logs"}}, nil},
	} {
		if got := copies(c.mounts, base, "app.log"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestEachNamespace: a namespace is opened by a process that runs on, where one
// that was seen first has ended.
func TestEachNamespace(t *testing.T) {
	namespace := map[string]string{"1": "node", "20": "pod", "21": "pod", "22": "pod", "30": "other"}
	ended := []string{"20"}
	var opened []string
	all := eachNamespace([]string{"1", "20", "21", "22", "30", "self"}, map[string]bool{"node": true},
		func(process string) (string, error) {
			if name, ok := namespace[process]; ok {
				return name, nil
			}
			return "", os.ErrNotExist
		},
		func(process string) (otherNamespace, error) {
			if slices.Contains(ended, process) {
				return otherNamespace{}, os.ErrNotExist
			}
			opened = append(opened, process)
			return otherNamespace{}, nil
		})
	if want := []string{"21", "30"}; !slices.Equal(opened, want) || len(all) != 2 {
		t.Errorf("opened by %v, want %v", opened, want)
	}
}

// newContainer starts a process with a copy of the mounts that there are now, and
// returns its root folder.
func newContainer(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	stdin, err := cmd.StdinPipe()
	must(t, err, cmd.Start())
	t.Cleanup(func() {
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("/proc/%d/root", cmd.Process.Pid)
}
