package roottest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inOwn says, in the environment, that this is the run in namespaces of its own,
// and whether they are prepared.
const inOwn = "PODSEC_K8S_TEST_OWN"

// EnterOwn is for TestMain. It runs the test program again, with the same
// arguments, in a user, a network and a mount namespace of its own, and ends
// with its status. There it returns: whoever runs the tests is root there, and
// has empty folders in the place of these and a loopback device of its own, so
// nothing of the machine is touched.
// Source: user_namespaces(7), network_namespaces(7), mount_namespaces(7).
func EnterOwn(folders ...string) {
	var err error
	switch os.Getenv(inOwn) {
	case "prepared": // a program that a test has started
		return
	case "entered":
		if err = prepare(folders); err == nil {
			return
		}
	default:
		err = runInOwn()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// runInOwn ends this process when it could run another one.
func runInOwn() error {
	process, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{
		Env:   append(os.Environ(), inOwn+"=entered"),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys: &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
			Pdeathsig:   unix.SIGKILL,
		},
	})
	if err != nil {
		return fmt.Errorf("making namespaces for the tests: %w", err)
	}
	state, err := process.Wait()
	if err != nil {
		return fmt.Errorf("running the tests in namespaces: %w", err)
	}
	os.Exit(state.ExitCode())
	return nil
}

func prepare(folders []string) error {
	faults := []error{os.Setenv(inOwn, "prepared"), raiseLoopback()}
	for _, folder := range folders {
		if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "mode=755"); err != nil {
			faults = append(faults, fmt.Errorf("laying an empty folder over %s: %w", folder, err))
		}
	}
	return errors.Join(faults...)
}

// Empty lays an empty folder over each of these, until the test has ended. It is for
// tests in namespaces of their own, and refuses any other.
func Empty(t testing.TB, folders ...string) {
	t.Helper()
	// A user namespace of EnterOwn has one user.
	if ids, err := os.ReadFile("/proc/self/uid_map"); err != nil || !strings.HasSuffix(string(ids), " 1\n") {
		t.Fatalf("not in a user namespace of EnterOwn: %q, %v", ids, err)
	}
	for _, folder := range folders {
		if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "mode=755"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
	}
}

// raiseLoopback lets the programs there reach each other.
// Source: netdevice(7), SIOCSIFFLAGS.
func raiseLoopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket) //nolint:errcheck // nothing was written
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}
