package host

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// followIn names the caller in a run of this test program that follows it.
const followIn = "TEST_FOLLOW_CALLER"

// TestFollowCaller: who was started ends with who has started it.
func TestFollowCaller(t *testing.T) {
	if pid := os.Getenv(followIn); pid != "" {
		number, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		ctx, err := FollowCaller(context.Background(), number)
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("follows\n") //nolint:errcheck // the reader tells
		<-ctx.Done()
		os.Stdout.WriteString(context.Cause(ctx).Error() + "\n") //nolint:errcheck // the reader tells
		return
	}
	// The shell is the caller: it ends after the first word of the other.
	script := `"$0" -test.run='^TestFollowCaller$' >"$1" & while ! grep -q follows "$1"; do :; done`
	out := t.TempDir() + "/out"
	cmd := exec.Command("sh", "-c", `export `+followIn+`=$$; `+script, os.Args[0], out)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for {
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(text), "follows\n"+ErrCallerEnded.Error()+"\n") {
			break
		}
		time.Sleep(time.Millisecond)
	}
}

// TestFollowStrangers: only the process that has started this one is followed.
func TestFollowStrangers(t *testing.T) {
	if _, err := FollowCaller(t.Context(), os.Getpid()); !errors.Is(err, ErrCallerEnded) {
		t.Errorf("%v", err)
	}
	if _, err := FollowCaller(t.Context(), 1<<30); err == nil {
		t.Error("nobody is followed")
	}
}
