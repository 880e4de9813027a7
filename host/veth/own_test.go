package veth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// nodeName is what the test program is called as the node's user.
const nodeName = "veth-test-node"

// TestMain runs the tests in namespaces of their own. The program is the node and
// nft there, too.
func TestMain(m *testing.M) {
	var err error
	switch filepath.Base(os.Args[0]) {
	case nodeName:
		err = playNode(os.Stdin, os.Stdout)
	case "nft":
		err = playNFT(os.Args[1:])
	default:
		roottest.EnterOwn("/run")
		if err = prepare(); err == nil {
			os.Exit(m.Run())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// prepare gives the namespaces what a machine has: its own /sys, a device with
// the node's address and one more, and nft.
func prepare() error {
	faults := []error{
		unix.Mount("sysfs", "/sys", "sysfs", 0, ""), putNFT(),
		os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0),
	}
	for _, line := range []string{
		"link add eth0 mtu 1400 type veth peer name far0", "link add eth1 mtu 1300 type veth peer name far1",
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
