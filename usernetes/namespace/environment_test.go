package namespace

import (
	"slices"
	"testing"
)

func TestOwnVariables(t *testing.T) {
	inherited := []string{"HOME=/var/lib/u7s-admin", "LANG=C.UTF-8", "HTTP_PROXY=http://everywhere:1"}
	env := append(slices.Clone(inherited), "INVOCATION_ID=1", "NOTIFY_SOCKET=/x", "SYSTEMD_EXEC_PID=2", "LISTEN_FDS=1", "GOGC=77", "HTTPS_PROXY=http://unit:2", "_X=1")
	if got, want := ownVariables(env, inherited), []string{"GOGC=77", "HTTPS_PROXY=http://unit:2", "_X=1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
