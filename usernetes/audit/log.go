package audit

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
)

// readable is the mode of the log's files. The folder is closed to others.
const readable = 0o644

// Share lets the group of the folder read the log: kube-apiserver would make it
// readable for its user alone, and gives a new log the mode of the one before. It is
// for the process that becomes kube-apiserver, whose umask it sets. A log elsewhere
// stays as it is.
// Source: lumberjack's openNew; apiserver's pkg/server/options/audit.go, ensureLogFile.
func Share(argv []string) error { return share(argv, units.AuditDir) }

func share(argv []string, folder string) error {
	if OfCommand(argv).Log != Log {
		return nil
	}
	info, err := os.Stat(folder)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o007 != 0 {
		return nil //nolint:nilerr // then kube-apiserver makes it, or says what is wrong
	}
	unix.Umask(0o022)
	if err := host.MakeFile(filepath.Join(folder, filepath.Base(Log))); err != nil {
		return err
	}
	for _, path := range logs(folder) {
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() == readable {
			continue
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Getuid() {
			continue // root's, of a node before
		}
		if err := host.Chmod(path, readable); err != nil {
			return err
		}
	}
	return nil
}

// logs lists the log and the files that it was renamed to.
func logs(folder string) (paths []string) {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "audit") && !entry.IsDir() {
			paths = append(paths, filepath.Join(folder, entry.Name()))
		}
	}
	return paths
}

// Size returns the bytes of the log, with the files that it was renamed to.
func Size() (bytes int64, files int) {
	for _, path := range logs(units.AuditDir) {
		if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.FileMode(0) {
			bytes, files = bytes+info.Size(), files+1
		}
	}
	return bytes, files
}
