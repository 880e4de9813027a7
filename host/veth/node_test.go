package veth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

// An order is what a test asks of the played node: one thing.
type order struct {
	Attach  *netip.Addr
	Keep    bool
	Publish []Port
	Overlay bool
	IP      string // arguments
	Wait    bool   // for the service to close the connection
}

// A done is what came of an order.
type done struct {
	Link   Link
	Kept   bool
	Faults map[string]string
	Out    string // of ip
	Err    string
}

// playNode is the node's user: it connects to the service, and does each order.
func playNode(orders io.Reader, answers io.Writer) error {
	c, err := Dial()
	if err != nil {
		return err
	}
	in, out := json.NewDecoder(orders), json.NewEncoder(answers)
	for {
		var o order
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return c.Close()
		} else if err != nil {
			return err
		}
		var d done
		var err error
		switch {
		case o.Attach != nil:
			d.Link, d.Kept, err = c.Attach(*o.Attach, o.Keep)
		case o.Overlay:
			err = c.RemakeOverlay()
		case o.IP != "":
			var text []byte
			text, err = host.Command{Path: "/sbin/ip", Args: strings.Fields(o.IP)}.Output(context.Background())
			d.Out = string(text)
		case o.Wait:
			c.Wait()
			again, errDial := Dial()
			if err := errors.Join(c.Close(), errDial); err != nil {
				return err
			}
			c = again
		default:
			d.Faults, err = c.Publish(o.Publish)
		}
		if err != nil {
			d.Err = err.Error()
		}
		if err := out.Encode(d); err != nil {
			return err
		}
	}
}

// A node is a process with a user and a network namespace of its own.
type node struct {
	t   *testing.T
	in  *json.Encoder
	out *json.Decoder
	end func() // and wait for it
}

// startNode starts a node. It ends with the test at the latest.
func startNode(t *testing.T) *node {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0], cmd.Stderr = nodeName, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{Size: 1}},
	}
	stdin, errIn := cmd.StdinPipe()
	stdout, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	ended := false
	n := &node{t: t, in: json.NewEncoder(stdin), out: json.NewDecoder(stdout), end: func() {
		if ended {
			return
		}
		ended = true
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	}}
	t.Cleanup(n.end)
	return n
}

// do gives the node an order.
func (n *node) do(o order) (d done) {
	n.t.Helper()
	if err := errors.Join(n.in.Encode(o), n.out.Decode(&d)); err != nil {
		n.t.Fatal(err)
	}
	return d
}

// attach gives the node its link.
func (n *node) attach() Link {
	n.t.Helper()
	d := n.do(order{Attach: &nodeAddress})
	if d.Err != "" {
		n.t.Fatal(d.Err)
	}
	return d.Link
}

// has reports whether there is a device in the node's namespace.
func (n *node) has(device string) bool {
	return n.do(order{IP: "link show " + device}).Err == ""
}
