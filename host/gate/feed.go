package gate

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A feed carries what root has as its standard input, and nobody types, to the
// program.
type feed struct {
	from, to *os.File
	start    int64    // where a regular file was read from
	unread   *os.File // the program's end of the pipe, for a regular file alone
	carried  chan int64
}

// newFeed begins to carry. theirs is the program's end of the pipe.
func newFeed(from, to, theirs *os.File) *feed {
	f := &feed{from: from, to: to, carried: make(chan int64, 1)}
	if info, err := from.Stat(); err == nil && info.Mode().IsRegular() {
		f.start, f.unread = seekable(from, theirs)
	}
	go func() {
		n, _ := io.Copy(to, from) // a program need not read all
		to.Close()                //nolint:errcheck // a pipe
		f.carried <- n
	}()
	return f
}

func seekable(from, theirs *os.File) (start int64, unread *os.File) {
	start, err := from.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, nil
	}
	fd, err := unix.FcntlInt(theirs.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return 0, nil
	}
	return start, os.NewFile(uintptr(fd), "unread")
}

// stop ends it. What the program has not read of a regular file is there for
// the next one, as without a pipe between: for a loop of a shell that reads it.
func (f *feed) stop() {
	if f.unread == nil {
		return // a read from a pipe of root's can't be ended, and it takes no more than one piece
	}
	defer f.unread.Close()            //nolint:errcheck // a pipe
	f.to.SetWriteDeadline(time.Now()) //nolint:errcheck // it is closed
	carried := <-f.carried
	if rest, err := unix.IoctlGetInt(int(f.unread.Fd()), unix.TIOCINQ); err == nil {
		f.from.Seek(f.start+carried-int64(rest), io.SeekStart) //nolint:errcheck // there was a way in it before
	}
}
