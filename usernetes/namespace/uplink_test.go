package namespace

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/veth"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// playVeth plays the service of the mode veth: it gives a link once, and knows of
// none when it is asked for that again.
func playVeth(t *testing.T, faults map[string]string) (hangup func()) {
	t.Helper()
	os.Remove(veth.Socket) //nolint:errcheck // of a test before
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: veth.Socket, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() }) //nolint:errcheck // the test has ended
	conns := make(chan *net.UnixConn, 100)
	go func() {
		for {
			c, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			conns <- c
			go func() {
				for data := make([]byte, 1<<16); ; {
					n, err := c.Read(data)
					if err != nil {
						return
					}
					var asked map[string]any
					json.Unmarshal(data[:n], &asked) //nolint:errcheck // it is looked at
					answer := map[string]any{"Faults": faults}
					if asked["Attach"] != nil {
						answer = map[string]any{"Link": veth.Link{Subnet: netip.MustParsePrefix("10.41.0.252/30")}}
					}
					text, _ := json.Marshal(answer)
					c.Write(text) //nolint:errcheck // the client tells
				}
			}()
		}
	}()
	return func() { (<-conns).Close() } //nolint:errcheck // the client tells
}

// TestAttachUplink: the namespaces have their way out for as long as the service knows
// of it.
func TestAttachUplink(t *testing.T) {
	if err := attachUplink(t.Context(), aNode(node.SlirpMode), nil); err != nil {
		t.Errorf("another mode: %v", err)
	}
	n := aNode(node.VethMode)
	if err := attachUplink(t.Context(), n, nil); err == nil {
		t.Error("without the service")
	}
	hangup := playVeth(t, nil)
	ip(t, "link add u7s1 type veth peer name far1", "link set far1 up")
	defer ip(t, "link delete u7s1")
	lost := make(chan error, 1)
	if err := attachUplink(t.Context(), n, func(err error) { lost <- err }); err != nil {
		t.Fatal(err)
	}
	addresses, err := net.InterfaceByName("u7s1")
	if err != nil {
		t.Fatal(err)
	}
	own, err := addresses.Addrs()
	if err != nil || len(own) == 0 || own[0].String() != "10.41.0.254/30" {
		t.Errorf("%v, %v", own, err)
	}
	hangup()
	if err := <-lost; !errors.Is(err, errTakenBack) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := returnTo(ctx, n); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestPublishOwn: the node's own ports are asked for, but not that of the pod
// network, and one that is refused is named.
func TestPublishOwn(t *testing.T) {
	playVeth(t, map[string]string{"6443/tcp": "address already in use"})
	conn, err := veth.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the test has ended
	if err := publishOwn(aNode(node.VethMode), conn); err == nil || err.Error() != "port 6443/tcp: address already in use" {
		t.Errorf("%v", err)
	}
	for _, p := range ownVethPorts(aNode(node.VethMode)) {
		if p.Number == node.VXLANPort {
			t.Error("the pod network's port is the machine's")
		}
	}
}
