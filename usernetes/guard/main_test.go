package guard

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestMain gives the tests a /var/lib of their own, where the node's state is,
// and makes whoever runs them u7s-admin.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib", "/run")
	const accounts = "/run/passwd"
	if err := errors.Join(
		os.WriteFile(accounts, []byte("u7s-admin:x:0:0::/var/lib/u7s-admin:/sbin/nologin\n"), 0o644),
		unix.Mount(accounts, "/etc/passwd", "", unix.MS_BIND, ""),
	); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
