package ports

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const socketHeading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// socketLine is a line of the kernel's tables.
func socketLine(local, state, inode string) string {
	return "   0: " + local + " 00000000:0000 " + state + " 00000000:00000000 00:00000000 00000000   988        0 " + inode + " 1 000000007df1d09c 100 0 0 10 0\n"
}

func TestReadSockets(t *testing.T) {
	for _, c := range []struct {
		name, proto, table string
		want               []string
	}{
		{"every address", "tcp", socketLine("00000000:1F90", "0A", "11"), []string{"0.0.0.0:8080 11"}},
		{"the node's address", "tcp", socketLine("0A0200C0:1F90", "0A", "11"), []string{"192.0.2.10:8080 11"}},
		{"IPv6, every address", "tcp", socketLine("00000000000000000000000000000000:1F90", "0A", "11"), []string{"[::]:8080 11"}},
		{"IPv6 that is IPv4", "tcp", socketLine("0000000000000000FFFF00000A0200C0:1F90", "0A", "11"), []string{"192.0.2.10:8080 11"}},
		{"connections come last", "tcp", socketLine("00000000:0016", "0A", "1") + socketLine("00000000:0017", "01", "2") + socketLine("00000000:0018", "0A", "3"), []string{"0.0.0.0:22 1"}},
		{"UDP, connected or not", "udp", socketLine("00000000:0016", "01", "1") + socketLine("00000000:0017", "07", "2"), []string{"0.0.0.0:23 2"}},
		{"nothing", "udp", "", nil},
	} {
		sockets, err := readSockets(strings.NewReader(socketHeading+c.table), c.proto)
		var got []string
		for _, s := range sockets {
			got = append(got, s.local.String()+" "+s.inode)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q, %v", c.name, got, c.want, err)
		}
	}
	for _, bad := range []string{"zz:1F90", "0A0200C0", "0A02:1F90", "0A0200C0:1F901"} {
		if got, err := parseSocketAddress(bad); err == nil {
			t.Errorf("%q is read as %s", bad, got)
		}
	}
}

func FuzzReadSockets(f *testing.F) {
	f.Add(socketHeading + socketLine("0A0200C0:1F90", "0A", "11"))
	f.Fuzz(func(_ *testing.T, text string) {
		for _, proto := range []string{"tcp", "udp"} {
			_, _ = readSockets(strings.NewReader(text), proto)
		}
	})
}

func TestPodOfLog(t *testing.T) {
	for line, want := range map[string]string{
		"/usr/bin/conmon\x00-b\x00/x\x00-l\x00/var/log/pods/ns_name_uid-1/c/0.log\x00": "uid-1",
		"conmon\x00-l\x00/var/log/pods/ns_name/c/0.log\x00":                            "",
		"conmon\x00-l\x00/tmp/ns_name_uid/c/0.log\x00":                                 "",
		"conmon\x00-l": "",
		"":             "",
	} {
		if got := podOfLog(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// A fakeProc is a folder like /proc.
type fakeProc struct {
	t    *testing.T
	root string
}

func (f fakeProc) write(path, text string) {
	f.t.Helper()
	path = filepath.Join(f.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// process adds a process with its parent, its mount namespace and its sockets.
func (f fakeProc) process(pid, parent int, name, line, mounts string, inodes ...string) {
	f.t.Helper()
	f.write(fmt.Sprintf("%d/stat", pid), fmt.Sprintf("%d (%s) S %d 1 1 0", pid, name, parent))
	f.write(fmt.Sprintf("%d/cmdline", pid), line)
	f.link(fmt.Sprintf("%d/ns/mnt", pid), mounts)
	for i, inode := range inodes {
		f.link(fmt.Sprintf("%d/fd/%d", pid, i), "socket:["+inode+"]")
	}
}

func (f fakeProc) link(path, target string) {
	f.t.Helper()
	path = filepath.Join(f.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		f.t.Fatal(err)
	}
}

// TestPodSockets: of what listens in the node's network, the pods with that
// network have what their containers opened, and programs of the node nothing.
func TestPodSockets(t *testing.T) {
	f := fakeProc{t, t.TempDir()}
	f.process(100, 1, "podsec-k8s", "", "mnt:[1]")
	f.process(101, 100, "kube-proxy", "", "mnt:[1]", "50")
	f.process(200, 100, "conmon", "conmon\x00-l\x00/var/log/pods/ns_proxy_u1/c/0.log\x00", "mnt:[1]")
	f.process(201, 200, "x) S 1 (y", "", "mnt:[2]", "51", "52", "56", "57")
	f.process(202, 201, "worker", "", "mnt:[2]", "53", "54", "55")
	f.process(300, 100, "conmon", "conmon\x00-l\x00/var/log/pods/ns_web_u2/c/0.log\x00", "mnt:[1]")
	f.process(301, 300, "web", "", "mnt:[3]", "58")
	f.process(400, 100, "crun", "", "mnt:[2]", "59") // what kubectl exec has started in the pod
	f.write("100/net/tcp", socketHeading+
		socketLine("00000000:2810", "0A", "50")+ // kube-proxy's
		socketLine("00000000:1F90", "0A", "51")+ // 8080
		socketLine("0A0200C0:1F91", "0A", "52")+ // 8081 of the node's address
		socketLine("0100007F:1F92", "0A", "53")+ // 8082 of the loopback address
		socketLine("0A0200C0:1F93", "0A", "54")+ // 8083 of the node's address,
		socketLine("00000000:1F93", "0A", "55")+ // and of every one
		socketLine("00000000:1F94", "0A", "58")+
		socketLine("00000000:1F95", "0A", "59")) // 8085
	f.write("100/net/udp", socketHeading+socketLine("00000000:0035", "07", "56")+socketLine("00000000:9C40", "07", "57"))
	s := &podSockets{node: portNode(node.SlirpMode).node, proc: f.root, child: func() (int, error) { return 100, nil }}
	pods := decode[kubeapi.Pod](t, `[
	 {"metadata":{"uid":"u1"},"spec":{"hostNetwork":true}},
	 {"metadata":{"uid":"u2"},"spec":{}},
	 {"metadata":{"uid":"u3","annotations":{"podsec-k8s/manifest-sha256":"x"}},"spec":{"hostNetwork":true}}]`)
	node := netip.MustParseAddr("192.0.2.10")
	want := []listener{
		{"u1", "tcp", 8080, netip.Addr{}},
		{"u1", "tcp", 8081, node},
		{"u1", "tcp", 8083, netip.Addr{}},
		{"u1", "tcp", 8085, netip.Addr{}},
		{"u1", "udp", 53, netip.Addr{}},
	}
	if got := s.look(pods, nil); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	want = append(want, listener{"u1", "udp", 40000, netip.Addr{}}) // it stays, so it is no client's
	if !s.changed(pods, nil) || !slices.Equal(s.found, want) {
		t.Errorf("then got %v, want %v", s.found, want)
	}
	if s.changed(pods, nil) {
		t.Error("nothing has changed, and it says so")
	}
	if got := s.look(pods[1:], nil); got != nil {
		t.Errorf("no pod has the node's network, and %v listen", got)
	}
}
