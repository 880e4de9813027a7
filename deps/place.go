package deps

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A place is where a repository lies: a folder, or a site.
type place interface {
	// open returns a file below the place, named with slashes. An absent one
	// is fs.ErrNotExist; one that is too big fails while it is read.
	open(ctx context.Context, name string) (io.ReadCloser, error)
	// packages lists the files that are named as RPMs are.
	packages() ([]string, error)
	io.Closer
}

// maxFiles is how many files a folder may have.
const maxFiles = 100_000

// openPlace opens a folder, or a file, http or https URL.
func openPlace(repo string) (place, error) {
	u, err := url.Parse(repo)
	if err != nil || u.Scheme == "" {
		return openFolder(repo)
	}
	switch u.Scheme {
	case "file":
		return openFolder(u.Path)
	case "http", "https":
		return newSite(u), nil
	default:
		return nil, message.Errorf("repository %q is not a directory and not a file, http or https URL", u.Redacted())
	}
}

// redacted hides the password of a URL.
func redacted(repo string) string {
	if u, err := url.Parse(repo); err == nil && u.User != nil {
		return u.Redacted()
	}
	return repo
}

// A folder is a place of this machine. What it has links to outside of it
// is not followed.
type folder struct{ root *os.Root }

func openFolder(path string) (place, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, message.Errorf("opening the repository: %w", err)
	}
	return folder{root}, nil
}

func (f folder) Close() error { return f.root.Close() }

func (f folder) open(_ context.Context, name string) (io.ReadCloser, error) {
	// O_NONBLOCK: nobody may ever write to a FIFO that lies there.
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = message.Errorf("%q is not a regular file", name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return bounded(file, maxFileSize), nil
}

func (f folder) packages() ([]string, error) {
	var all []string
	err := fs.WalkDir(f.root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".rpm") {
			all = append(all, path)
		}
		if len(all) > maxFiles {
			return message.Errorf("more than %d packages", maxFiles)
		}
		return err
	})
	return all, err
}
