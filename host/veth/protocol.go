package veth

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Socket is where the service listens.
const Socket = "/run/podsec-k8s-net.sock"

// A request is what the node asks of the service: to be given a link, with its
// network namespace as a descriptor beside the words, to have exactly these
// ports, or to have the pod network's device made anew. What was given holds
// for as long as the connection does.
type request struct {
	Attach  *netip.Addr // the node's address
	Keep    bool        // with Attach: only the earlier link, of which the namespaces have their end still
	Publish []Port
	Overlay bool // the pod network's device, in the namespace that has the link
}

// An answer is what the service has done.
type answer struct {
	Link   Link              // after Attach
	Kept   bool              // after Attach with Keep: it is there
	Faults map[string]string // after Publish: why a port is not open, by its key
	Err    string            // why nothing was done
}

// maxMessage bounds one message, in bytes.
const maxMessage = 1 << 17

// A Conn is a connection to the service. What it was given goes when it is
// closed.
type Conn struct{ unix *net.UnixConn }

// Dial connects to the service.
func Dial() (*Conn, error) {
	c, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: Socket, Net: "unixpacket"})
	if err != nil {
		return nil, message.Errorf("asking for a network device: %w", err)
	}
	if err := c.SetWriteBuffer(maxMessage); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &Conn{c}, nil
}

// Close gives back what the connection was given.
func (c *Conn) Close() error { return c.unix.Close() }

// Attach asks for a link into this process' network namespace. keep asks for
// the one that is there, after the service was started again, and for no
// other; kept reports whether it is.
func (c *Conn) Attach(address netip.Addr, keep bool) (link Link, kept bool, err error) {
	namespace, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return Link{}, false, message.Errorf("opening this network namespace: %w", err)
	}
	defer namespace.Close() //nolint:errcheck // nothing was written
	a, err := c.ask(request{Attach: &address, Keep: keep}, unix.UnixRights(int(namespace.Fd())))
	return a.Link, a.Kept, err
}

// Publish asks for these ports and no others, and tells of each that is not
// open why, by its key.
func (c *Conn) Publish(ports []Port) (faults map[string]string, err error) {
	a, err := c.ask(request{Publish: append([]Port{}, ports...)}, nil)
	return a.Faults, err
}

// RemakeOverlay asks for the pod network's device anew.
func (c *Conn) RemakeOverlay() error {
	_, err := c.ask(request{Overlay: true}, nil)
	return err
}

// Wait returns when the service has closed the connection.
func (c *Conn) Wait() { _, _ = c.unix.Read(make([]byte, 1)) }

func (c *Conn) ask(r request, rights []byte) (a answer, err error) {
	data, err := json.Marshal(r)
	if err != nil {
		return a, message.Errorf("asking for the network: %w", err)
	}
	if _, _, err := c.unix.WriteMsgUnix(data, rights, nil); err != nil {
		return a, message.Errorf("asking for the network: %w", err)
	}
	buffer := make([]byte, maxMessage)
	n, err := c.unix.Read(buffer)
	if err != nil {
		return a, message.Errorf("asking for the network: %w", err)
	}
	if err := json.Unmarshal(buffer[:n], &a); err != nil {
		return a, message.Errorf("asking for the network: %w", err)
	}
	if a.Err != "" {
		return a, errors.New(a.Err)
	}
	return a, nil
}

// receive reads a request with the descriptor that came with it, or nil.
func receive(c *net.UnixConn) (r request, namespace *os.File, err error) {
	data, rights := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(4))
	n, size, _, _, err := c.ReadMsgUnix(data, rights)
	if err != nil {
		return r, nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:size])
	if err != nil {
		return r, nil, err
	}
	for _, message := range messages {
		fds, err := unix.ParseUnixRights(&message)
		if err != nil {
			return r, nil, err
		}
		for _, fd := range fds {
			if namespace != nil {
				namespace.Close() //nolint:errcheck // one too many
			}
			unix.CloseOnExec(fd)
			namespace = os.NewFile(uintptr(fd), "namespace")
		}
	}
	if err := json.Unmarshal(data[:n], &r); err != nil {
		namespace.Close() //nolint:errcheck // nothing was written
		return r, nil, err
	}
	return r, namespace, nil
}

func reply(c *net.UnixConn, a answer) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := c.SetWriteDeadline(time.Now().Add(replyTimeout)); err != nil {
		return err
	}
	_, err = c.Write(data)
	return err
}

// peerUID tells who is at the other end, by the kernel's word.
// Source: unix(7), SO_PEERCRED.
func peerUID(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var credentials *unix.Ucred
	if errControl := raw.Control(func(fd uintptr) {
		credentials, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); errControl != nil || err != nil {
		return 0, errors.Join(errControl, err)
	}
	return credentials.Uid, nil
}

const replyTimeout = 10 * time.Second // for an answer to be taken
