package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/deps"
)

func TestWordsOf(t *testing.T) {
	for usage, want := range map[string]words{
		"":                {},
		"NAME":            {[]string{"NAME"}, 1},
		"[NAME]":          {nil, 1},
		"FILE…":           {[]string{"FILE"}, anyNumber},
		"[ARGS…]":         {nil, anyNumber},
		"STAGE COUNT":     {[]string{"STAGE", "COUNT"}, 2},
		"PROGRAM [ARGS…]": {[]string{"PROGRAM"}, anyNumber},
		"NAME [SECOND]":   {[]string{"NAME"}, 2},
	} {
		if got := wordsOf(usage); !slices.Equal(got.needed, want.needed) || got.most != want.most {
			t.Errorf("%q: %+v, want %+v", usage, got, want)
		}
	}
}

// A wrongCall is a call that can't be understood, what has to be named, and whose
// help, "" where something else helps more.
type wrongCall struct {
	args        []string
	names, help string
}

// wrongCalls makes those of a command from what it declares: a word too many or
// too few, a flag that nobody has, and each of its flags without a value.
func wrongCalls(c *cli.Command, path []string) []wrongCall {
	help := strings.Replace(programName+" "+strings.Join(path, " "), programName+" "+createMaster, createMasterName, 1)
	call := func(names string, args ...string) wrongCall {
		return wrongCall{slices.Concat(path, args), names, "see " + help + " --help\n"}
	}
	if len(c.Subcommands) > 0 {
		return []wrongCall{call(c.Subcommands[0].Name), call("frob", "frob"), call("no-such-flag", "--no-such-flag")}
	}
	w := wordsOf(c.ArgsUsage)
	enough := make([]string, len(w.needed))
	for i := range enough {
		enough[i] = fmt.Sprintf("word%d", i)
	}
	calls := []wrongCall{}
	for i, name := range w.needed {
		calls = append(calls, call(name, enough[:i]...))
	}
	if w.most != anyNumber {
		for i := len(enough); i < w.most; i++ {
			enough = append(enough, "optional")
		}
		calls = append(calls, call("one-too-many", append(slices.Clone(enough), "one-too-many")...))
	}
	if passesAll(c) {
		return calls
	}
	calls = append(calls, call("no-such-flag", append([]string{"--no-such-flag"}, enough...)...), call("no-such-flag", append(slices.Clone(enough), "--no-such-flag")...))
	for _, f := range c.Flags {
		name := f.Names()[0]
		if _, isBool := f.(*cli.BoolFlag); !isBool {
			calls = append(calls, call(name, append(slices.Clone(enough), "--"+name)...), call(name, "--"+name), call(name, append([]string{"--" + name + "="}, enough...)...))
		} else if name != "help" {
			calls = append(calls, call(name, append([]string{"--" + name + "=perhaps"}, enough...)...))
		}
	}
	return calls
}

// TestWrongUsageOfEveryCommand calls every command of the tree, hidden ones too,
// with too much and too little. Each is wrong usage that names what was not
// understood and where to look, says nothing else, and is found before the
// machine is asked for anything: there is no u7s-admin here.
func TestWrongUsageOfEveryCommand(t *testing.T) {
	for _, minor := range deps.Minors() {
		t.Run(minor.Version, func(t *testing.T) {
			fakeKubeadm(t, minor)
			calls := 0
			var visit func(path []string, commands []*cli.Command)
			visit = func(path []string, commands []*cli.Command) {
				for _, c := range commands {
					path := append(slices.Clone(path), c.Name)
					for _, call := range wrongCalls(c, path) {
						calls++
						expectMisuse(t, call)
					}
					visit(path, c.Subcommands)
				}
			}
			visit(nil, app(newPrinter(os.Stdout, os.Stderr, os.Getenv)).Commands)
			if calls < 100 {
				t.Errorf("only %d calls were made", calls)
			}
		})
	}
}

func expectMisuse(t *testing.T, call wrongCall) {
	t.Helper()
	var out, errOut bytes.Buffer
	p := newPrinter(&out, &errOut, func(string) string { return "" })
	a := app(p)
	a.Writer, a.ErrWriter = &out, &errOut
	err := a.RunContext(t.Context(), append([]string{programName}, call.args...))
	p.fault(err)
	t.Logf("%q: %s", call.args, errOut.String())
	if status := exitStatus(err); status != exitUsage || !strings.Contains(errOut.String(), call.names) || !strings.Contains(errOut.String(), "remedy: "+call.help) || out.Len() > 0 {
		t.Errorf("%q: status %d, want %d and %q in\n%s%s", call.args, status, exitUsage, call.names, errOut.String(), out.String())
	}
}

// fakeKubeadm puts a kubeadm into PATH that prints what the help of the real one
// of a minor says of its flags.
func fakeKubeadm(t *testing.T, minor deps.Minor) {
	t.Helper()
	helps, err := filepath.Abs("../../usernetes/kubeadm/testdata/kubeadm-" + minor.Version)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	script := "#!/bin/sh\nname=$1; [ \"$2\" = --help ] || name=$1-$2\nexec cat " + helps + "/$name.help\n"
	if err := os.WriteFile(filepath.Join(folder, "kubeadm"), []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":/usr/bin:/bin")
}
