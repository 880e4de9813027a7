// Package scenarios tests the package as its users meet it: real rpm and
// dnf, real systemd, real kubeadm and its programs, in booted nodes.
package scenarios

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// commandTimeout bounds every command of a scenario.
const commandTimeout = 5 * time.Minute

// TestMain works from the folder that the cache's recipes are read in.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := os.Chdir(".."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// eachGeneration runs a scenario on every generation, beside other scenarios:
// they wait most of their time.
func eachGeneration(t *testing.T, scenario func(*testing.T, generation.Generation)) {
	parallel(t)
	for _, g := range generation.Tested() {
		t.Run(g.Name, func(t *testing.T) { scenario(t, g) })
	}
}

// A machine is a node under test.
type machine struct {
	*node.Node
	t     testing.TB
	ended *bool // shared by all views of one machine
}

// packaged tells of which generations the repository has this checkout's
// podsec-k8s, and no other.
var packaged struct {
	sync.Mutex
	generations map[string]bool
}

// packageOnce builds podsec-k8s for a generation, once in a run.
func packageOnce(t testing.TB, g generation.Generation) {
	t.Helper()
	packaged.Lock()
	defer packaged.Unlock()
	if packaged.generations[g.Name] {
		return
	}
	if err := node.Package(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if packaged.generations == nil {
		packaged.generations = map[string]bool{}
	}
	packaged.generations[g.Name] = true
}

// bootBare boots a bare node with podsec-k8s in its repository. When the test
// fails, the node's journal is kept.
func bootBare(t testing.TB, g generation.Generation, name string) *machine {
	t.Helper()
	return bootBy(node.Boot, t, g, name)
}

// boot boots a node that has all that podsec-k8s requires: to install that takes
// ten seconds of a processor, which scenarios of other things spare.
func boot(t testing.TB, g generation.Generation, name string) *machine {
	t.Helper()
	return bootBy(node.BootReady, t, g, name)
}

// bootInstalled boots a node and installs podsec-k8s.
func bootInstalled(t testing.TB, g generation.Generation, name string) *machine {
	t.Helper()
	m := boot(t, g, name)
	m.run("dnf -q -y install podsec-k8s")
	return m
}

func bootBy(boot node.Booter, t testing.TB, g generation.Generation, name string) *machine {
	t.Helper()
	packageOnce(t, g)
	if err := node.Down(t.Context(), name); err != nil { // of an interrupted run
		t.Fatal(err)
	}
	n, err := boot(t.Context(), g, name)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{n, t, new(bool)}
	t.Cleanup(m.end)
	return m
}

// end ends the machine, once.
func (m *machine) end() {
	if *m.ended {
		return
	}
	*m.ended = true
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	if m.t.Failed() {
		file := filepath.Join(os.TempDir(), "podsec-k8s-"+m.Name+".journal")
		log, _ := m.Output(ctx, "journalctl --no-pager") // what there is will do
		if err := os.WriteFile(file, []byte(log), 0o600); err == nil {
			m.t.Logf("journal of %s: %s", m.Name, file)
		}
	}
	if err := node.Down(ctx, m.Name); err != nil {
		m.t.Error(err)
	}
}

// on gives the machine to a subtest.
func (m *machine) on(t *testing.T) *machine { return &machine{m.Node, t, m.ended} }

// try runs a command and returns what it printed and its exit status.
func (m *machine) try(command string) (out string, status int) {
	m.t.Helper()
	return m.tryFor(commandTimeout, command)
}

// tryFor is try for a command that may take as long.
func (m *machine) tryFor(limit time.Duration, command string) (out string, status int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), limit)
	defer cancel()
	out, err := m.Output(ctx, command)
	if err == nil {
		return out, 0
	}
	failed, ok := err.(*node.ExitError) //nolint:errorlint // Exec returns it bare
	if !ok {
		m.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out, failed.Status
}

// run runs a command that has to end well.
func (m *machine) run(command string) string {
	m.t.Helper()
	out, status := m.try(command)
	if status != 0 {
		m.t.Fatalf("%s: exit status %d\n%s", command, status, out)
	}
	return out
}

// fails runs a command that has to end with a status, and to say certain
// words.
func (m *machine) fails(command string, status int, words ...string) {
	m.t.Helper()
	out, got := m.try(command)
	if got != status {
		m.t.Errorf("%s: exit status %d, want %d\n%s", command, got, status, out)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			m.t.Errorf("%s: does not say %q\n%s", command, word, out)
		}
	}
}

// says runs a command that has to end well and to say certain words.
func (m *machine) says(command string, words ...string) {
	m.t.Helper()
	out := m.run(command)
	for _, word := range words {
		if !strings.Contains(out, word) {
			m.t.Errorf("%s: does not say %q\n%s", command, word, out)
		}
	}
}

// eventually repeats a shell test until it holds. The node repeats it: to enter
// a node takes longer than most tests do.
func (m *machine) eventually(within time.Duration, command string) {
	m.t.Helper()
	loop := fmt.Sprintf(untilItHolds, within/time.Second)
	if out, status := m.try("set -- '" + strings.ReplaceAll(command, "'", `'\''`) + "'\n" + loop); status != 0 {
		m.t.Fatalf("not within %s: %s\n%s", within, command, out)
	}
}

// untilItHolds repeats the command $1 for some seconds, and prints what it said
// last when it still failed then.
const untilItHolds = `end=$(($(date +%%s) + %d))
until out=$(eval "$1" 2>&1); do
	[ $(date +%%s) -lt $end ] || { printf '%%s\n' "$out"; exit 1; }
	sleep 1
done`

// snapshot lists every file that a package may change: path, kind, mode,
// owner, link target and digest.
func (m *machine) snapshot() map[string]string {
	m.t.Helper()
	return m.listed(listFiles("/etc /usr /lib /var/lib/systemd -xdev"))
}

// listed runs a command that prints lines of a path, a tab and something about
// it, and joins what is said of each path.
func (m *machine) listed(command string) map[string]string {
	m.t.Helper()
	files := map[string]string{}
	for line := range strings.Lines(m.run(command)) {
		path, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		files[path] += rest
	}
	return files
}

// listFiles prints a line for each file below some folders, and another with the
// checksum of each that has contents, of a kind that takes little time: find's own
// -exec takes eight times as long, and SHA-256 ten times.
func listFiles(folders string) string {
	return "find " + folders + ` -printf '%p\t%y %m %U:%G %l\n' -type f -fprint0 /run/files;
	xargs -0 cksum < /run/files | sed 's/^\([0-9]* [0-9]*\) \(.*\)/\2\t \1/'; rm /run/files`
}

// differences names what differs, but for what the patterns match.
func differences(before, after map[string]string, allowed ...string) []string {
	var all []string
	check := func(path string) {
		if before[path] == after[path] {
			return
		}
		for _, pattern := range allowed {
			if ok, err := filepath.Match(pattern, path); err != nil || ok {
				return
			}
		}
		all = append(all, fmt.Sprintf("%s: %q, was %q", path, after[path], before[path]))
	}
	for path := range before {
		check(path)
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			check(path)
		}
	}
	return all
}
