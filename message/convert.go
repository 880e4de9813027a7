package message

import (
	"context"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// asText returns an argument that can be said in several languages as a text.
func asText(arg any) (text Text, ok bool) {
	switch arg := arg.(type) {
	case Text:
		return arg, true
	case Format:
		return Of(arg), true
	case Sayer:
		return arg.Say(), true
	case error:
		return OfError(arg), true
	}
	return Text{}, false
}

// OfError returns an error as a text. What another program has said, and the
// packages that the program is made of, stays as it is.
func OfError(err error) Text {
	switch err := err.(type) { //nolint:errorlint // each link of the chain is looked at by itself
	case nil:
		return Text{}
	case Sayer:
		return err.Say()
	case *fs.PathError:
		return Of("%s %s: %w", err.Op, err.Path, err.Err)
	case *os.LinkError: //nolint:forbidigo // only an error of its
		return Of("%s %s %s: %w", err.Op, err.Old, err.New, err.Err)
	case *os.SyscallError:
		return Of("%s: %w", err.Syscall, err.Err)
	case interface{ Unwrap() []error }:
		var all []Text
		for _, one := range err.Unwrap() {
			all = append(all, OfError(one))
		}
		return List("\n", all...)
	}
	if slices.Contains(SystemErrors(), err) { // the error itself
		return Of(Format(err.Error()))
	}
	return Plain(err.Error())
}

// lastErrno is the highest number of an error of the kernel's. Source: errno(3).
const lastErrno = 133

// SystemErrors lists the errors of the system, and of packages of Go that stand
// for them, whose texts are in the catalogue of each other language.
func SystemErrors() []error {
	all := []error{context.DeadlineExceeded, context.Canceled, fs.ErrNotExist, fs.ErrPermission, fs.ErrExist, io.ErrUnexpectedEOF}
	for number := range lastErrno + 1 {
		all = append(all, syscall.Errno(number))
	}
	return all
}
