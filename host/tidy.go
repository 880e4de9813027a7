package host

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// lockTimeout is how long another run, or another program that changes the
// accounts, may take. Source: lckpwdf(3), which waits as long.
const lockTimeout = 15 * time.Second

// exclusively does something while no other run changes the host, after what
// cut runs have left behind is removed.
func (h *Host) exclusively(do func(*journal) error) error {
	unlock, err := h.lockState()
	if err != nil {
		return again(err)
	}
	defer unlock()
	j, err := openJournal(h)
	if err != nil {
		return again(err)
	}
	if err := j.tidy(); err != nil {
		return again(message.Errorf("deleting the rest of an interrupted run: %w", err))
	}
	return do(j)
}

// again makes a fault of an error before which nothing was changed.
func again(err error) error {
	var known *Fault
	if errors.As(err, &known) {
		return &Fault{Err: err, Remedy: known.Remedy}
	}
	return WithRemedy(err,
		"nothing was changed; fix the cause and run again: podsec-k8s host apply")
}

// lockState locks the folder of the journal. Source: flock(2).
func (h *Host) lockState() (unlock func(), err error) {
	if err := h.mkdir(h.State, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, message.Errorf("locking the host: %w", err)
	}
	folder, err := os.Open(h.path(h.State))
	if err != nil {
		return nil, message.Errorf("locking the host: %w", err)
	}
	err = retry(lockTimeout, func() error { return unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if err == nil {
		return func() { folder.Close() }, nil //nolint:errcheck // closing releases the lock
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = WithRemedy(message.New("another run of podsec-k8s is changing this machine"),
			"wait until it has ended: fuser -v %s", h.State)
	}
	return nil, errors.Join(err, folder.Close())
}

// retry tries to get a lock until a time-out is over.
func retry(timeout time.Duration, try func() error) error {
	const interval = 50 * time.Millisecond
	for deadline := time.Now().Add(timeout); ; time.Sleep(interval) {
		if err := try(); !errors.Is(err, unix.EAGAIN) || time.Now().After(deadline) {
			return err
		}
	}
}

// tidy removes what killed runs have left: temporary files of our own, ids of
// a home that is not kept, and those of the account tools. The caller holds the
// lock.
func (j *journal) tidy() error {
	h := j.host
	faults := []error{h.removeCutWrites(h.journalDir(), `[0-9]{4}-[a-z-]+\.json`)}
	for _, path := range j.written() {
		faults = append(faults, h.removeCutWrites(filepath.Dir(path), regexp.QuoteMeta(filepath.Base(path))))
	}
	if h.present(h.savedFile()) {
		kept, err := h.SavedIDs()
		if err == nil && kept == nil {
			err = errors.Join(h.remove(h.savedFile()), h.remove(h.savedDir()))
		}
		faults = append(faults, err)
	}
	return errors.Join(append(faults, h.tidyAccounts())...)
}

// written lists the paths at which a run may have been cut while it wrote.
func (j *journal) written() []string {
	paths := []string{j.host.clusterNote(), j.host.savedFile()}
	for _, r := range j.records {
		change, err := r.change()
		if w, ok := change.(writer); ok && err == nil { // one of a newer podsec-k8s is not ours to tidy
			paths = append(paths, w.writes())
		}
	}
	return paths
}

// removeCutWrites removes the temporary files of writes in a folder that
// were cut. base is a regular expression for the names that were written.
func (h *Host) removeCutWrites(folder, base string) error {
	entries, err := os.ReadDir(h.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	temporary := regexp.MustCompile(`^(\.` + base + `[0-9]+|` + base + `\.podsec-k8s)$`) // as renameio and symlink name them
	for _, entry := range entries {
		if temporary.MatchString(entry.Name()) {
			err = errors.Join(err, h.remove(filepath.Join(folder, entry.Name())))
		}
	}
	return err
}

// accountFiles lists the files that the account tools write anew: first as
// NAME+, under a lock NAME.lock that begins as NAME.PID.
// Source: shadow's lib/commonio.c.
func accountFiles() []string {
	return []string{"passwd", "shadow", "group", "gshadow", "subuid", "subgid"}
}

// accountTools lists the programs that hold such a lock.
func accountTools() []string {
	return []string{
		"useradd", "userdel", "usermod", "groupadd", "groupdel", "groupmod", "groupmems", "gpasswd", "passwd", "chpasswd", "chgpasswd",
		"chage", "chfn", "chsh", "newusers", "vipw", "vigr", "pwck", "grpck", "pwconv", "pwunconv", "grpconv", "grpunconv",
	}
}

// tidyAccounts removes what account tools that were killed have left. It holds
// the lock that each of them takes first, so none of them is at work.
func (h *Host) tidyAccounts() error {
	left, err := h.accountLeftovers()
	if err != nil || len(left) == 0 {
		return err
	}
	unlock, err := h.lockAccounts()
	if err != nil {
		return err
	}
	defer unlock()
	if left, err = h.accountLeftovers(); err != nil {
		return err
	}
	for _, path := range left {
		err = errors.Join(err, h.remove(path))
	}
	return err
}

// accountLeftovers lists temporary files and locks in /etc that are nobody's.
func (h *Host) accountLeftovers() (left []string, err error) {
	entries, err := os.ReadDir(h.path("/etc"))
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		name, suffix, _ := strings.Cut(entry.Name(), ".")
		path := filepath.Join("/etc", entry.Name())
		switch {
		case slices.Contains(accountFiles(), strings.TrimSuffix(entry.Name(), "+")) && strings.HasSuffix(entry.Name(), "+"):
			left = append(left, path)
		case !slices.Contains(accountFiles(), name) || suffix == "" || !entry.Type().IsRegular():
		case suffix == "lock" && !h.holdsLock(path), h.lockNames(path) == suffix:
			left = append(left, path)
		}
	}
	return left, nil
}

// lockNames returns the process id that a lock of the account tools names, or
// "" when the file is no such lock.
func (h *Host) lockNames(path string) string {
	file, err := os.Open(h.path(path))
	if err != nil {
		return ""
	}
	defer file.Close() //nolint:errcheck // opened for reading
	data := make([]byte, 32)
	n, _ := file.Read(data) // an empty file names nobody
	text := string(bytes.TrimSpace(bytes.TrimRight(data[:n], "\x00")))
	if _, err := strconv.ParseUint(text, 10, 32); err != nil {
		return ""
	}
	return text
}

// holdsLock reports whether the process that a lock names is an account tool:
// a number is given anew once its process has ended.
func (h *Host) holdsLock(path string) bool {
	name, err := os.ReadFile(h.path("/proc/" + h.lockNames(path) + "/comm"))
	return err == nil && slices.Contains(accountTools(), strings.TrimSpace(string(name)))
}

// lockAccounts takes the lock on the accounts. Source: lckpwdf(3), fcntl(2).
func (h *Host) lockAccounts() (unlock func(), err error) {
	file, err := os.OpenFile(h.path("/etc/.pwd.lock"), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, message.Errorf("locking the accounts: %w", err)
	}
	err = retry(lockTimeout, func() error {
		return unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	})
	if err == nil {
		return func() { file.Close() }, nil //nolint:errcheck // closing releases the lock
	}
	if errors.Is(err, unix.EAGAIN) {
		err = NewFault("wait until it has ended: fuser -v /etc/.pwd.lock; then podsec-k8s host apply",
			"another program is changing the accounts")
	}
	return nil, errors.Join(err, file.Close())
}
