package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLastUnitError: the journal of one unit of one user is read, and its last
// error is the answer.
func TestLastUnitError(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	journal := func(script string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, log string
		ended     bool
		want      string
	}{
		{"an error", "echo starting; echo 'Error: no disk'; echo usage", false, "no disk"},
		{"no error, and it runs", "echo starting", false, ""},
		{"no error, and it has ended", "echo starting", true, "starting"},
		{"more than is read", "yes long line | head -c 1000000", true, "long"},
	} {
		journal(c.log)
		got, err := LastUnitError(t.Context(), 998, "u7s-kubelet.service", time.Unix(7, 0), c.ended)
		if err != nil || !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	journal(`echo "Error: $*"`)
	got, err := LastUnitError(t.Context(), 998, "u7s-kubelet.service", time.Unix(7, 0), false)
	if err != nil || !strings.HasSuffix(got, "--since=@7 _SYSTEMD_USER_UNIT=u7s-kubelet.service _UID=998") {
		t.Errorf("asked for: %q, %v", got, err)
	}
	journal("exit 1")
	if _, err := LastUnitError(t.Context(), 998, "u7s-kubelet.service", time.Time{}, false); err == nil {
		t.Error("a journal that can't be read has an answer")
	}
}
