package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/gate"
)

// playedVariable names, to a program of a script, the folder of what its
// u7s-admin answers.
const playedVariable = "PODSEC_K8S_TEST_ADMIN"

// withPlayedAdmin puts playAdmin behind the gate, when a script plays u7s-admin.
func withPlayedAdmin(ctx context.Context) context.Context {
	folder := os.Getenv(playedVariable)
	if folder == "" {
		return ctx
	}
	return context.WithValue(ctx, behindGate{}, func(c gate.Call) gate.Call {
		c.Keeper, c.Program = "/proc/self/exe", "/proc/self/exe"
		for _, key := range []string{playedVariable, "PATH", "GOCOVERDIR"} {
			c.Env = append(c.Env, key+"="+os.Getenv(key))
		}
		return c
	})
}

// playAdmin is what the keeper of the gate does in a script. It notes what
// u7s-admin is asked for in the file asked, with the request. Then it answers by the
// files of the question's name: NAME is what it prints, NAME.err what it says beside
// that, and NAME.status its exit status. A question or task that has none of them is
// that of the program itself.
func playAdmin() {
	status, err := answerPlayed(os.Getenv(playedVariable), os.Args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 99
	}
	os.Exit(status)
}

func answerPlayed(folder string, argv []string) (status int, err error) {
	const words = 5 // of the keeper's own
	argv = argv[words:]
	call, below := strings.CutPrefix(strings.Join(argv[1:], " "), "node ")
	request, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 0, err
	}
	asked, err := os.OpenFile(filepath.Join(folder, "asked"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintln(asked, call, string(request)); err != nil {
		return 0, err
	}
	name, _, _ := strings.Cut(call, " ")
	answer, errAnswer := os.ReadFile(filepath.Join(folder, name))
	notes, errNotes := os.ReadFile(filepath.Join(folder, name+".err"))
	number, errStatus := os.ReadFile(filepath.Join(folder, name+".status"))
	if errAnswer != nil && errNotes != nil && errStatus != nil {
		if !below { // it would ask again
			return 0, errAnswer
		}
		return 0, becomeProgram(argv, request)
	}
	os.Stdout.Write(answer) //nolint:errcheck // whoever asks misses it
	os.Stderr.Write(notes)  //nolint:errcheck // the same
	if errStatus != nil {
		return 0, nil
	}
	return strconv.Atoi(strings.TrimSpace(string(number)))
}

// becomeProgram hands a request to the part of u7s-admin.
func becomeProgram(argv []string, request []byte) error {
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, bytes.NewReader(request)); err != nil { // a pipe takes 64 KiB, which is more than a request has
		return err
	}
	if err := errors.Join(out.Close(), unix.Dup2(int(in.Fd()), 0)); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", append([]string{programName}, argv[1:]...), os.Environ())
}
