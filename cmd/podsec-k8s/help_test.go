package main

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write testdata/help anew")

// callsOfHelp lists the calls that show the help of every command, hidden ones too.
// What tools take is theirs, and so is --help.
func callsOfHelp(path []string, commands []*cli.Command) (all [][]string) {
	for _, c := range commands {
		path := append(slices.Clone(path), c.Name)
		switch {
		case c.Name == "help" && c.Hidden: // of a group; all are alike
			continue
		case c.Hidden && len(c.Subcommands) > 0: // root alone asks u7s-admin's half
			continue
		case passesAll(c):
			all = append(all, append([]string{"help"}, path...))
		default:
			all = append(all, append(slices.Clone(path), "--help"))
		}
		all = append(all, callsOfHelp(path, c.Subcommands)...)
	}
	return all
}

// played runs the program in a locale and returns what it prints.
func played(t *testing.T, locale string, args ...string) (out, errOut string, status int) {
	t.Helper()
	var outs, errs strings.Builder
	p := newPrinter(&outs, &errs, func(key string) string { return map[string]string{"LANG": locale}[key] })
	err := app(p).RunContext(t.Context(), append([]string{programName}, args...))
	p.fault(err)
	return outs.String(), errs.String(), exitStatus(err)
}

// TestHelp compares the help of every command, in each language, with testdata/help,
// and finds no line there that a terminal of 80 columns breaks. To see a change:
//
//	go test ./cmd/podsec-k8s -run TestHelp -update; git diff
func TestHelp(t *testing.T) {
	for name, locale := range map[string]string{"en": "C", "ru": "ru_RU.UTF-8"} {
		t.Run(name, func(t *testing.T) {
			var got txtar.Archive
			calls := append([][]string{{"--help"}}, callsOfHelp(nil, app(newPrinter(io.Discard, io.Discard, os.Getenv)).Commands)...)
			for _, call := range calls {
				out, errOut, status := played(t, locale, call...)
				if status != exitDone || errOut != "" {
					t.Errorf("%q: status %d, %s", call, status, errOut)
				}
				got.Files = append(got.Files, txtar.File{Name: programName + " " + strings.Join(call, " "), Data: []byte(out)})
				for line := range strings.Lines(out) {
					if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > 80 || strings.TrimRight(line, " ") != line {
						t.Errorf("%q: a line has more than 80 columns, or ends in a space: %q", call, line)
					}
				}
			}
			compareGolden(t, filepath.Join("testdata", "help", name+".txtar"), txtar.Format(&got))
		})
	}
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is of another program; see TestHelp for how to write it anew. Now it is:\n%s", path, got)
	}
}

// TestHelpForms: every way of asking for the help of a command shows the same.
func TestHelpForms(t *testing.T) {
	for _, forms := range [][]string{
		{"", "--help", "-h", "help"},
		{"help help", "help --help", "help -h"},
		{"token --help", "token -h", "help token", "token help"},
		{"token create --help", "token create -h", "help token create", "token help create", "token create TOKEN --help"},
		{"create-master --help", "create-master --node-ip 192.0.2.1 -h", "help create-master"},
		{"exec --help", "exec -h", "help exec"},
		{"status --help", "status -o json --help", "help status"},
	} {
		want, _, _ := played(t, "C", strings.Fields(forms[0])...)
		for _, form := range forms {
			if out, errOut, status := played(t, "C", strings.Fields(form)...); out != want || status != exitDone || errOut != "" {
				t.Errorf("%q: status %d, %s\n%s", form, status, errOut, out)
			}
		}
	}
	for call, want := range map[string]string{
		"help frob":         "remedy: see podsec-k8s --help\n",
		"help token creat":  "did you mean create?\n  remedy: see podsec-k8s token --help\n",
		"help token list x": "remedy: see podsec-k8s token list --help\n",
		"token help frob":   "remedy: see podsec-k8s token --help\n",
	} {
		if out, errOut, status := played(t, "C", strings.Fields(call)...); out != "" || status != exitUsage || !strings.HasSuffix(errOut, want) {
			t.Errorf("%q: status %d, want %q in %s%s", call, status, want, errOut, out)
		}
	}
}

// TestFlagsInEachLanguage: a flag has the same head in both.
func TestFlagsInEachLanguage(t *testing.T) {
	heads := func(locale string) (all []string) {
		p := newPrinter(io.Discard, io.Discard, func(string) string { return locale })
		var visit func(commands []*cli.Command)
		visit = func(commands []*cli.Command) {
			for _, c := range commands {
				for _, r := range p.flagRows(c.Flags) {
					all = append(all, c.HelpName+": "+r.head)
				}
				visit(c.Subcommands)
			}
		}
		visit(app(p).Commands)
		return all
	}
	english, russian := heads("C"), heads("ru_RU.UTF-8")
	if !slices.Equal(english, russian) || len(english) < 40 {
		t.Errorf("%q\nand\n%q", english, russian)
	}
}

func TestFilled(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, nil},
		{"one two", 7, []string{"one two"}},
		{"one two", 6, []string{"one", "two"}},
		{"a word-that-is-too-long b", 6, []string{"a", "word-that-is-too-long", "b"}},
		{"ёжик ёжик", 9, []string{"ёжик ёжик"}},
		{"one two:" + glue + "three", 8, []string{"one", "two: three"}},
		{"слово — слово", 7, []string{"слово —", "слово"}},
	} {
		if got := filled(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}
