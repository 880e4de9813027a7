// Package gate is the one way by which root has something done by another
// user, u7s-admin. That user is not trusted: whoever breaks out of a container
// is that user. What runs on the other side gets
//
//   - the user's ids, no supplementary groups, no capability;
//   - a session, a session keyring and an environment of its own;
//   - no descriptor of root's but pipes, a pseudo-terminal of ours, and files
//     that root has opened for it to read.
//
// What comes back is bounded in size and time and goes through one filter. When
// the program ends root lets go, whatever the program has left behind.
package gate

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// A User is who is on the other side.
type User struct{ UID, GID uint32 }

// A Call is a program that is run on the other side. No secret belongs in Args:
// every process of the machine can read them.
type Call struct {
	Name    string        // how errors call it
	Keeper  string        // root's own program, which runs Enter when it is called EntryName
	User    User          // who runs the program
	Program string        // its path
	Args    []string      // without argv[0]
	Env     []string      // KEY=VALUE, all that it gets
	Files   []*os.File    // opened for reading; the program has them as descriptors 3, 4, …
	Timeout time.Duration // 0: none, it ends when the context or the program does

	// Started is told the process id before the program is given its request. A
	// fault of it ends the program. Nil means that nobody is told.
	Started func(pid int) error
}

// start starts the keeper, still as root and in a session of its own. It lets
// go of root on the other side of execve(2): before that the caller waits for
// it, and a process that is the user's may be stopped by the user for ever.
// tty says that the standard input is a terminal, which the session is to have.
// Source: vfork(2); setsid(2).
func (c Call) start(stdin, stdout, stderr *os.File, tty bool) (*process, error) {
	e := entry{User: c.User, Files: len(c.Files), Path: c.Program, Argv: append([]string{c.Program}, c.Args...)}
	if tty {
		e.Path, e.Argv = c.Keeper, append([]string{AttendName}, e.Argv...)
	}
	cmd := exec.Cmd{
		Path: c.Keeper, Args: e.argv(), Env: c.Env, Dir: "/",
		Stdin: stdin, Stdout: stdout, Stderr: stderr, ExtraFiles: c.Files,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: tty},
	}
	if c.Env == nil {
		cmd.Env = []string{} // nil is the caller's
	}
	if err := cmd.Start(); err != nil {
		return nil, c.failure(-1, err)
	}
	return watch(cmd.Process.Pid), nil
}

// failure makes an error of how the program ended.
func (c Call) failure(status int, err error) error {
	return &host.CommandError{Name: c.Name, Argv: append([]string{c.Program}, c.Args...), Status: status, Err: err}
}

// ended returns nil for a program that ended well.
func (c Call) ended(status int) error {
	if status == 0 {
		return nil
	}
	return c.failure(status, message.Errorf("exit status %d", status))
}

// An entry is what the keeper is told.
type entry struct {
	User  User
	Files int      // how many descriptors behind the standard ones stay
	Path  string   // of the program that it becomes
	Argv  []string // of that program, with argv[0]
}

// What the keeper is called by in argv[0]: at the gate, and to attend to a
// program that has a terminal.
const (
	EntryName  = "podsec-k8s-gate"
	AttendName = "podsec-k8s-attend"
)

// fixedWords is how many words of the keeper's argv come before Argv.
const fixedWords = 5

func (e entry) argv() []string {
	return append([]string{
		EntryName, strconv.FormatUint(uint64(e.User.UID), 10), strconv.FormatUint(uint64(e.User.GID), 10), strconv.Itoa(e.Files), e.Path,
	}, e.Argv...)
}

func parseEntry(argv []string) (e entry, err error) {
	if len(argv) <= fixedWords {
		return e, message.New("changing user: not called by podsec-k8s")
	}
	uid, errUID := strconv.ParseUint(argv[1], 10, 32)
	gid, errGID := strconv.ParseUint(argv[2], 10, 32)
	files, errFiles := strconv.Atoi(argv[3])
	if err := errors.Join(errUID, errGID, errFiles); err != nil {
		return e, message.Errorf("changing user: %w", err)
	}
	return entry{User{uint32(uid), uint32(gid)}, files, argv[4], argv[fixedWords:]}, nil
}
