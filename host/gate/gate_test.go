package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// rootName is what the test program is called to be root's side of Interact: its
// arguments are a shell command.
const rootName = "gate-test-root"

// TestMain lets the test program be what podsec-k8s is: keeper and caller.
func TestMain(m *testing.M) {
	status := 1
	var err error
	switch filepath.Base(os.Args[0]) {
	case EntryName:
		err = Enter(os.Args)
	case AttendName:
		status, err = Attend(os.Args)
	case rootName:
		c := keeper(os.Args[1])
		c.User = User{}
		status, err = c.Interact(context.Background(), os.Stdin, os.Stdout, os.Stderr)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if os.Getenv("GOCOVERDIR") == "" { // then os.Exit would print that no coverage is noted
		syscall.Exit(status)
	}
	os.Exit(status)
}

// nobody is the user on the other side.
const nobody = 65534

// keeper returns the call of a shell command as nobody.
func keeper(command string) Call {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Call{
		Name: "asking", Keeper: self, User: User{nobody, nobody}, Program: "/bin/bash", Args: []string{"-c", command},
		Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C"},
	}
}

// shown runs a command and returns what root shows of it.
func shown(t *testing.T, c Call) (out, notes string) {
	t.Helper()
	var outs, errs bytes.Buffer
	if err := c.Show(t.Context(), nil, &outs, &errs); err != nil {
		t.Fatal(err)
	}
	return outs.String(), errs.String()
}

// TestOtherSide: the program has nothing of root's.
func TestOtherSide(t *testing.T) {
	roottest.Need(t)
	secret, err := os.Open("/etc/shadow")
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()                  //nolint:errcheck // opened for reading
	fd, err := unix.Dup(int(secret.Fd())) // as a shell hands one down: it is not closed on exec
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd) //nolint:errcheck // opened for reading
	t.Setenv("SECRET", "of root")
	for command, want := range map[string]string{
		"id -u; id -g; id -G":  "65534\n65534\n65534\n",
		"pwd; umask":           "/\n0022\n",
		"echo $SECRET":         "\n",
		"ls /proc/$$/fd; true": "0\n1\n2\n",
		"grep -h ^Cap /proc/$$/status | cut -f 2 | sort -u | grep -v ^0000000000000000$ | wc -l": "1\n", // the bounding set, which grants nothing
		"ps -o sid= -p $$ | tr -d ' ' | grep -qx $$; echo $?":                                    "0\n",
		"for f in 0 1 2; do stat -L -c %F /proc/$$/fd/$f; done":                                  "fifo\nfifo\nfifo\n",
		"(exec 3</dev/tty) 2>/dev/null || echo no terminal":                                      "no terminal\n",
		"grep ^Seccomp: /proc/self/status":                                                       "Seccomp:\t2\n",
	} {
		if out, _ := shown(t, keeper(command)); out != want {
			t.Errorf("%s: %q, want %q", command, out, want)
		}
	}
}

// TestKeyring: a key of root's session is not found.
func TestKeyring(t *testing.T) {
	roottest.Need(t)
	if _, err := unix.AddKey("user", "of-root", []byte("secret"), unix.KEY_SPEC_SESSION_KEYRING); err != nil {
		t.Fatal(err)
	}
	const find = `import ctypes
n = ctypes.CDLL(None, use_errno=True).syscall(%d, 10, -3, b"user", b"of-root", 0)
print("found" if n > 0 else "none")`
	script := fmt.Sprintf(find, unix.SYS_KEYCTL)
	if out, err := exec.Command("python3", "-c", script).CombinedOutput(); err != nil || string(out) != "found\n" {
		t.Fatalf("%s, %v: root itself does not find it", out, err)
	}
	if out, notes := shown(t, keeper("python3 -c '"+script+"'")); out != "none\n" {
		t.Errorf("%s%s", out, notes)
	}
}

// TestFiles: what root has opened can be read, and nothing else is there.
func TestFiles(t *testing.T) {
	roottest.Need(t)
	file := filepath.Join(t.TempDir(), "of-root")
	if err := os.WriteFile(file, []byte("an image"), 0o600); err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close() //nolint:errcheck // opened for reading
	c := keeper("cat <&3; for fd in {3..99}; do test ! -e /proc/$$/fd/$fd || echo $fd; done")
	c.Files = []*os.File{open}
	if out, _ := shown(t, c); out != "an image3\n" {
		t.Errorf("%q", out)
	}
}

type answer struct {
	Name  string
	List  []struct{ Fault string }
	Bytes []byte
}

// TestAnswer: what is no answer is a fault, and soon.
func TestAnswer(t *testing.T) {
	roottest.Need(t)
	for name, c := range map[string]struct{ command, want string }{
		"an answer":       {`cat > /dev/null; echo '{"Name": "a", "List": [{"Fault": "b"}], "Bytes": "eA=="}'`, ""},
		"none":            {"true", "EOF"},
		"two":             {`echo '{} {}'`, "more data after the answer"},
		"another type":    {`echo '{"Name": 7}'`, "cannot unmarshal number"},
		"another field":   {`echo '{"Nome": "\u001b[31m"}'`, `unknown field "Nome"`},
		"100 MB":          {"head -c 100000000 /dev/zero", "too long"},
		"a long list":     {`printf '{"List": ['; for i in {1..40000}; do printf '{},'; done; printf '{}]}'`, "too long"},
		"never ends":      {"while :; do printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", "too long"},
		"says nothing":    {"sleep 100", "no answer within"},
		"will not end":    {"trap '' TERM; while :; do sleep 0.1; done", "no answer within"},
		"stops":           {"kill -STOP $$", "no answer within"},
		"many notes":      {"yes >&2", "no answer within"},
		"fails":           {"exit 7", "exit status 7"},
		"killed":          {"kill -KILL $$", "exit status 137"},
		"hands down":      {"setsid sleep 100 & echo '{}'", ""},
		"hands down more": {"(trap '' PIPE; for n in {1..500}; do echo x >&2; sleep 0.01; done) & echo '{}'", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c2 := keeper(c.command)
			c2.Timeout = time.Minute
			if c.want == "no answer within" {
				c2.Timeout = 1500 * time.Millisecond
			}
			start := time.Now()
			var a answer
			err := c2.Answer(t.Context(), nil, &a, io.Discard)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
			if name == "another field" && strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("%q", err)
			}
		})
	}
}

// TestCleanAnswer: no string of an answer has what a terminal obeys.
func TestCleanAnswer(t *testing.T) {
	roottest.Need(t)
	c := keeper(`cat > /dev/null; echo '{"Name": "a\u001b]0;x\u0007\n\u202eb", "List": [{"Fault": "\u009b2J"}], "Bytes": "Gw=="}'`)
	var a answer
	if err := c.Answer(t.Context(), nil, &a, io.Discard); err != nil {
		t.Fatal(err)
	}
	if want := `a\x1b]0;x\x07\x0a\u202eb`; a.Name != want || a.List[0].Fault != `\u009b2J` || string(a.Bytes) != "\x1b" {
		t.Errorf("%q", a)
	}
}

// TestMemory: root's memory does not grow with what it is told.
func TestMemory(t *testing.T) {
	roottest.Need(t)
	before := peak(t)
	for _, command := range []string{
		"head -c 100000000 /dev/zero | tr '\\0' x", "head -c 100000000 /dev/zero | tr '\\0' x >&2",
		`printf '{"List": ['; yes '{},' | head -c 4000000`,
	} {
		c := keeper(command)
		var a answer
		if err := c.Answer(t.Context(), nil, &a, io.Discard); err == nil {
			t.Errorf("%s: an answer", command)
		}
		if err := c.Show(t.Context(), nil, io.Discard, io.Discard); err != nil {
			t.Error(err)
		}
	}
	if grown := peak(t) - before; grown > 40<<10 {
		t.Errorf("grew by %d KiB", grown)
	}
}

func peak(t *testing.T) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Maxrss
}

// TestShow: what is shown is text, whole lines or not, and the status is the
// program's.
func TestShow(t *testing.T) {
	roottest.Need(t)
	out, notes := shown(t, keeper(`printf 'one\ttwo\r\n\033[2Jthree \303'; sleep 0.1; printf '\251'; printf '\033c' >&2; cat`))
	if want := "one\ttwo\n\\x1b[2Jthree énull"; out != want || notes != `\x1bc` {
		t.Errorf("%q %q", out, notes)
	}
	err := keeper("exit 3").Show(t.Context(), nil, io.Discard, io.Discard)
	var failed *host.CommandError
	if !errors.As(err, &failed) || failed.Status != 3 {
		t.Errorf("%v", err)
	}
}

// TestShowStops: a program without a deadline ends with its caller's context.
func TestShowStops(t *testing.T) {
	roottest.Need(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	c := keeper("trap 'echo told; exit 1' TERM; while :; do sleep 0.05; done")
	var out bytes.Buffer
	err := c.Show(ctx, nil, &out, io.Discard)
	if !errors.Is(err, context.Canceled) || out.String() != "told\n" {
		t.Errorf("%v %q", err, out.String())
	}
}

// TestOneGate: no other place in the product takes another user's ids.
func TestOneGate(t *testing.T) {
	words := []string{"Setres", "Setuid(", "Setgid(", "Setreuid", "Setregid", "Setgroups", ".Credential", "SYS_SETU", "SYS_SETRES", "\"setpriv\"", "\"runuser\"", "\"su\"", "\"sudo\""}
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (path == filepath.Join(root, "tests") || path == filepath.Join(root, "host/gate")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, word := range words {
			if bytes.Contains(source, []byte(word)) {
				t.Errorf("%s: %s: another user is for the gate", path, word)
			}
		}
		if strings.Contains(path, "/cmd/") && bytes.Contains(source, []byte("UserManager(")) {
			t.Errorf("%s: root asks no systemd but its own", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestStartedBeforeTheRequest: the program is given its request once Started was
// told of it, and is ended when that fails.
func TestStartedBeforeTheRequest(t *testing.T) {
	roottest.Need(t)
	there := false
	c := keeper("cat")
	c.Started = func(pid int) error {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		there = err == nil
		return err
	}
	var answer string
	if err := c.Answer(t.Context(), "asked", &answer, io.Discard); err != nil || answer != "asked" || !there {
		t.Errorf("got %q, %v; started: %t", answer, err, there)
	}
	refused := errors.New("refused")
	c = keeper("sleep 60")
	c.Started = func(int) error { return refused }
	if err := c.Answer(t.Context(), nil, &answer, io.Discard); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}
