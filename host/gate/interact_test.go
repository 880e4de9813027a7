package gate

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// A typist sits at a terminal with a shell of root's, in which the function
// gate runs a command behind the gate.
type typist struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	mu     sync.Mutex
	seen   bytes.Buffer
}

func newTypist(t *testing.T) *typist {
	t.Helper()
	master, slave, err := openPTY()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: 81}); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("/bin/bash", "--norc", "--noediting", "-i")
	shell.Stdin, shell.Stdout, shell.Stderr = slave, slave, slave
	shell.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin", "PS1=$ ", "LC_ALL=C", "SELF=" + self, "TERM=dumb"}
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	ty := &typist{t: t, master: master, slave: slave}
	go ty.read()
	t.Cleanup(func() {
		shell.Process.Kill() //nolint:errcheck // the test is over
		shell.Wait()         //nolint:errcheck // killed
		master.Close()       //nolint:errcheck // the test is over
		slave.Close()        //nolint:errcheck // the test is over
	})
	ty.run("gate() { (exec -a " + rootName + ` "$SELF" "$1"); }`)
	return ty
}

func (ty *typist) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := ty.master.Read(buffer)
		ty.mu.Lock()
		ty.seen.Write(buffer[:n])
		ty.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (ty *typist) text() string {
	ty.mu.Lock()
	defer ty.mu.Unlock()
	return ty.seen.String()
}

// sees waits for a text, and forgets what came up to its end.
func (ty *typist) sees(text string) {
	ty.t.Helper()
	for range 200 {
		ty.mu.Lock()
		at := strings.Index(ty.seen.String(), text)
		if at >= 0 {
			ty.seen.Next(at + len(text))
		}
		ty.mu.Unlock()
		if at >= 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ty.t.Fatalf("does not see %q, but %q", text, ty.text())
}

func (ty *typist) types(keys string) {
	ty.t.Helper()
	if _, err := ty.master.WriteString(keys); err != nil {
		ty.t.Fatal(err)
	}
}

// run types a command of the shell's and waits for the end of it.
func (ty *typist) run(command string) {
	ty.t.Helper()
	ty.types(command + "; echo \"done:\" $?\n")
	ty.sees("done: ")
}

// cooked reports whether the terminal is as a shell has it.
func (ty *typist) cooked() bool {
	settings, err := unix.IoctlGetTermios(int(ty.slave.Fd()), unix.TCGETS)
	return err == nil && settings.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) == unix.ICANON|unix.ECHO|unix.ISIG
}

// awaits waits until the terminal is in a state.
func (ty *typist) awaits(state string, is func() bool) {
	ty.t.Helper()
	for range 200 {
		if is() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ty.t.Errorf("the terminal does not become %s", state)
}

func TestTerminal(t *testing.T) {
	roottest.Need(t)
	ty := newTypist(t)
	own, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", ty.slave.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	ty.run("gate 'for f in 0 1 2; do readlink /proc/self/fd/$f; done; stty size; exit 3'")
	ty.sees("3\r\n")
	ty.types("gate 'for f in 0 1 2; do echo of $(readlink /proc/$$/fd/$f)$(stty size); done'\n")
	for range 3 {
		ty.sees("of /dev/pts/")
		if rest := ty.text(); strings.HasPrefix(rest, strings.TrimPrefix(own, "/dev/pts/")+"25") {
			t.Errorf("it has root's own terminal: %s", rest)
		}
		ty.sees("25 81")
	}
	ty.sees("$ ")
	ty.types("gate 'read -r x; echo got $x; read -rs y; echo and $y; trap \"stty size; exit\" WINCH; while :; do sleep 0.1; done'\n")
	ty.types("typed\n")
	ty.sees("got typed")
	ty.types("more\n")
	ty.sees("and more")
	if err := unix.IoctlSetWinsize(int(ty.slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 99}); err != nil {
		t.Fatal(err)
	}
	ty.sees("33 99")
	ty.sees("$ ") // what is typed before that may still be the program's
	ty.run("stty -a | grep -c ' icanon.* echo '")
	for command, status := range map[string]string{"exit 7": "7", "kill -TERM $$": "143", "kill -KILL $$": "137"} {
		ty.run("gate '" + command + "'")
		ty.sees(status + "\r\n")
	}
	ty.run("gate 'echo out; echo err >&2' 2> /tmp/gate-test-err > >(cat > /tmp/gate-test-out)")
	ty.run("gate 'stty -icanon -echo'")
	ty.awaits("cooked", ty.cooked)
}

// begin is a command that prints begun. It has a quote more than what it prints,
// so the echo of what was typed, which may come before the shell's prompt or
// after it, is never taken for the program.
const (
	begin = `echo "begun:" now`
	begun = "begun: now"
)

// TestKeys: interrupt, stop, background and foreground are as without the gate.
func TestKeys(t *testing.T) {
	roottest.Need(t)
	ty := newTypist(t)
	ty.types("gate '" + begin + "; sleep 100'\n")
	ty.sees(begun)
	ty.types("\x03")
	ty.sees("^C$ ")
	ty.run("echo status $?")
	ty.run("gate 'exec sleep 0'")
	may := filepath.Join(t.TempDir(), "end")
	ty.types("gate '" + begin + "; until test -e " + may + "; do sleep 0.1; done; echo end'\n")
	ty.sees(begun)
	ty.types("\x1a")
	ty.sees("Stopped")
	ty.awaits("cooked", ty.cooked)
	ty.run("jobs")
	ty.types("fg\n")
	ty.awaits("raw again", func() bool { return !ty.cooked() })
	if err := os.WriteFile(may, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ty.sees("end\r\n") // the echo of ^Z may come just before it
	ty.sees("$ ")
	ty.types("gate '" + begin + "; read -r x; echo got $x; read -r x; echo now $x'\n")
	ty.sees(begun)
	ty.types("\x1a")
	ty.sees("Stopped")
	ty.types("bg\n")
	ty.sees("gate")
	ty.run("echo of the shell; jobs -r | grep -c gate") // what is typed is the shell's
	ty.types("fg\n")
	ty.awaits("raw again", func() bool { return !ty.cooked() })
	ty.types("one\n")
	ty.sees("got one")
	ty.types("two\n")
	ty.sees("now two")
	ty.sees("$ ")
	ty.types("gate 'trap \"echo told; exit 5\" TERM; " + begin + "; while :; do sleep 0.1; done'\n")
	ty.sees(begun)
	var job int
	if err := control(ty.master, func(fd int) (err error) { job, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP); return err }); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(-job, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ty.sees("told")
	ty.sees("$ ")
	ty.run("echo status $?")
	ty.awaits("cooked", ty.cooked)
}

// TestLeftBehind: what a program leaves behind reads nothing of what is typed
// later, and holds nothing up.
func TestLeftBehind(t *testing.T) {
	roottest.Need(t)
	stolen := filepath.Join(t.TempDir(), "stolen")
	ty := newTypist(t)
	start := time.Now()
	ty.run("gate '(trap \"\" HUP TTIN; setsid cat <&0 > " + stolen + " & exec 4</dev/tty; (trap \"\" HUP; cat <&4 >> " + stolen + ") & ) ; echo left'")
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("held up for %s", took)
	}
	ty.types("read -rs password; echo \"has ${#password}\"\n")
	time.Sleep(300 * time.Millisecond)
	ty.types("secret-of-root\n")
	ty.sees("has 14")
	time.Sleep(300 * time.Millisecond)
	if data, err := os.ReadFile(stolen); err != nil || len(data) > 0 {
		t.Errorf("%q, %v", data, err)
	}
}

// piped runs a shell of root's without a terminal.
func piped(t *testing.T, script string, stdin io.Reader) (out []byte, errs string, status int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "/bin/bash", "-c", "gate() { (exec -a "+rootName+` "$SELF" "$1"); }; `+script)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = append(os.Environ(), "SELF="+self), stdin, &stdout, &stderr
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return stdout.Bytes(), stderr.String(), cmd.ProcessState.ExitCode()
}

// TestPipes: data goes through as it is, however much there is of it, both ways.
func TestPipes(t *testing.T) {
	roottest.Need(t)
	big := filepath.Join(t.TempDir(), "big")
	data := bytes.Repeat([]byte("\x00\x1b[31m\xff\r\n0123456789"), 1<<20)
	if err := os.WriteFile(big, data, 0o600); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%x", sha256.Sum256(data))
	for name, script := range map[string]string{
		"file":   "gate cat < " + big + " | sha256sum",
		"pipe":   "cat " + big + " | gate cat | cat | sha256sum",
		"slow":   "cat " + big + " | gate cat | (sleep 2; sha256sum)",
		"to err": "cat " + big + " | gate 'cat >&2' 2>&1 >/dev/null | sha256sum",
		"ended":  "gate 'cat " + big + " & exec true' | (sleep 1; cat) | sha256sum | grep -q . && echo " + want,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, errs, _ := piped(t, script, nil); !strings.HasPrefix(string(out), want) {
				t.Errorf("%s %s", out, errs)
			}
		})
	}
}

func TestPiped(t *testing.T) {
	roottest.Need(t)
	for name, c := range map[string]struct {
		script, out string
		status      int
	}{
		"status":             {"gate 'exit 7'", "", 7},
		"signal":             {"gate 'kill -TERM $$'", "", 143},
		"no terminal":        {"gate 'tty'; exit 0", "not a tty\n", 0},
		"end of input":       {"printf 'a\\nb' | gate 'wc -l'", "1\n", 0},
		"loop over a file":   {"printf '1\\n2\\n3\\n' > $TMPDIR/list; while read -r n; do gate \"echo $n\"; done < $TMPDIR/list", "1\n2\n3\n", 0},
		"part of a file":     {"printf '1\\n2\\n3\\n' > $TMPDIR/list; { gate 'read -r n; echo first $n'; cat; } < $TMPDIR/list", "first 1\n2\n3\n", 0},
		"reader that leaves": {"gate yes | head -2; echo ${PIPESTATUS[0]}", "y\ny\n141\n", 0},
		"full disk":          {"gate 'trap \"\" PIPE; yes; exit 9' > /dev/full; echo $?", "9\n", 0},
		"left behind":        {"gate 'sleep 100 & echo left'", "left\n", 0},
		"told to end":        {"{ exec -a " + rootName + " \"$SELF\" 'trap \"echo told; exit 5\" TERM; while :; do sleep 0.1; done'; } & sleep 1; kill $!; wait $!", "told\n", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			start := time.Now()
			out, errs, status := piped(t, c.script, nil)
			if string(out) != c.out || status != c.status {
				t.Errorf("%q, exit status %d, %s", out, status, errs)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}
