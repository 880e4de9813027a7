package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/alt-cloud/podsec-k8s/host/gate"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestMain gives the tests a machine of their own, on which they are root, and lets
// scripts run this program under each of its names.
func TestMain(m *testing.M) {
	programs := programs()
	if programs[filepath.Base(os.Args[0])] == nil {
		roottest.EnterOwn("/etc", "/run", "/var/lib")
	}
	testscript.Main(m, programs)
}

func programs() map[string]func() {
	program := func() { os.Exit(run(withPlayedAdmin(context.Background()), os.Args)) }
	return map[string]func(){
		"podsec-k8s": program, "podsec-k8s-create-master": program, "systemctl": program,
		gate.EntryName: playAdmin,
	}
}

// TestScripts runs every command as its user meets it, as far as that takes
// no machine. Scripts have one more command: exits STATUS PROGRAM ARGS…
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v: exit status %d, want %d", args[1:], got, want)
	}
}
