package veth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ownName is what the test program is called in namespaces of its own, and nodeName
// as the node's user, who is there too.
const (
	ownName  = "veth-test-own"
	nodeName = "veth-test-node"
)

// TestMain runs the tests in a user, a network and a mount namespace of their
// own: whoever runs them is root there, and nothing of the machine is touched.
// The program is nft there, too.
func TestMain(m *testing.M) {
	var status int
	var err error
	switch filepath.Base(os.Args[0]) {
	case ownName:
		if err = prepare(); err == nil {
			status = m.Run()
		}
	case nodeName:
		err = playNode(os.Stdin, os.Stdout)
	case "nft":
		err = playNFT(os.Args[1:])
	default:
		err = enterOwn()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			status = exit.ExitCode()
		}
	}
	os.Exit(status)
}

// self runs the test program again under another name.
func self(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = name
	cmd.Stderr = os.Stderr
	return cmd
}

// enterOwn runs all tests in namespaces of their own.
// Source: user_namespaces(7), network_namespaces(7), mount_namespaces(7).
func enterOwn() error {
	cmd := self(ownName, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   unix.SIGKILL,
	}
	return cmd.Run()
}

// prepare gives the namespaces what a machine has: its own /sys, an empty /run, a device with the node's
// address and one more, and nft.
func prepare() error {
	if err := errors.Join(
		unix.Mount("sysfs", "/sys", "sysfs", 0, ""),
		unix.Mount("tmpfs", "/run", "tmpfs", 0, ""),
		putNFT(),
		os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0),
	); err != nil {
		return fmt.Errorf("preparing namespaces for the tests: %w", err)
	}
	var faults []error
	for _, line := range []string{
		"link set lo up", "link add eth0 mtu 1400 type veth peer name far0", "link add eth1 mtu 1300 type veth peer name far1",
		"link set far0 up", "link set far1 up", "link set eth0 up", "link set eth1 up",
		"address add 192.0.2.10/24 dev eth0", "route add default via 192.0.2.1",
	} {
		faults = append(faults, ip(context.Background(), strings.Fields(line)...))
	}
	return errors.Join(faults...)
}

// putNFT lays a folder over that of nft. Where ip is in the same folder it is
// copied.
func putNFT() error {
	program, err := os.ReadFile("/sbin/ip")
	if err != nil {
		return err
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", filepath.Dir(NFT), "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	if err := os.Symlink(exe, NFT); err != nil {
		return err
	}
	if _, err := os.Stat("/sbin/ip"); err == nil {
		return nil
	}
	return os.WriteFile("/sbin/ip", program, 0o755)
}

// nftState is the folder of what the played nft was given: one file for each
// table.
const nftState = "/run/nft"

// playNFT takes a ruleset, or lists a table as it was given. It knows no more
// of a rule than its text.
func playNFT(args []string) error {
	file := func(family, name string) string { return filepath.Join(nftState, family+" "+name) }
	if len(args) == 4 && args[0] == "list" {
		text, err := os.ReadFile(file(args[2], args[3]))
		if err == nil {
			_, err = os.Stdout.Write(text)
		}
		return err
	}
	if err := os.MkdirAll(nftState, 0o700); err != nil {
		return err
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(nftState, "broken")); err == nil {
		return errors.New("Error: syntax error")
	}
	for _, statement := range strings.Split("\n"+strings.TrimSpace(string(text)), "\ntable ")[1:] {
		head, body, _ := strings.Cut(statement, "\n")
		family, name, _ := strings.Cut(strings.TrimSuffix(head, " {"), " ")
		if strings.HasPrefix(body, "delete table ") {
			err = errors.Join(err, os.RemoveAll(file(family, name)))
		} else {
			err = errors.Join(err, os.WriteFile(file(family, name), []byte("table "+statement), 0o600))
		}
	}
	return err
}
