package main

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/backup"
)

// ageBegin is how what age has encrypted begins. Source: c2sp.org/age.
const ageBegin = "age-encryption.org/"

// checkBackup reads a whole backup.
func checkBackup(path, identity string) (m backup.Manifest, err error) {
	file, err := openBackup(path)
	if err != nil {
		return m, err
	}
	defer file.Close() //nolint:errcheck // opened for reading
	plain, _, err := decrypted(file, identity)
	if err != nil {
		return m, err
	}
	r, err := backup.NewReader(plain)
	if err != nil {
		return m, undecrypted(err)
	}
	_, err = r.Check()
	return r.Manifest, undecrypted(err)
}

// openBackup waits for nobody: a FIFO may have no writer.
func openBackup(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, host.WithRemedy(message.Errorf("reading the backup: %w", err), "specify a backup that exists; podsec-k8s backup list shows those of this machine")
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close() //nolint:errcheck // opened for reading
		return nil, host.NewFault("specify a file that podsec-k8s backup create made", "%s is not a regular file", path)
	}
	return file, nil
}

// decrypted reads a backup as it was before it was encrypted, if it was.
func decrypted(file io.Reader, identity string) (plain io.Reader, sealed bool, err error) {
	from := bufio.NewReader(file)
	begin, err := from.Peek(len(ageBegin))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, message.Errorf("reading the backup: %w", err)
	}
	if string(begin) != ageBegin {
		return from, false, nil
	}
	if identity == "" {
		return nil, true, host.NewFault("specify the file with the key: --identity FILE", "the backup is encrypted")
	}
	keys, err := readIdentities(identity)
	if err != nil {
		return nil, true, err
	}
	plain, err = age.Decrypt(from, keys...)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, true, host.NewFault("specify the key that belongs to the public key of the backup: --identity FILE", "the backup is encrypted for another key")
	}
	if err != nil {
		return nil, true, undecrypted(err)
	}
	return plain, true, nil
}

// readIdentities reads the keys that decrypt.
func readIdentities(path string) ([]age.Identity, error) {
	file, err := os.Open(path)
	if err == nil {
		defer file.Close() //nolint:errcheck // opened for reading
		var keys []age.Identity
		if keys, err = age.ParseIdentities(io.LimitReader(file, secretLimit)); err == nil {
			return keys, nil
		}
		err = message.Errorf("%s has no key of age", path) // what age says may quote the key
	}
	return nil, host.WithRemedy(message.Errorf("reading the key: %w", err), "specify the file that age-keygen wrote: --identity FILE")
}

// undecrypted gives a fault of what was encrypted its remedy: age takes no byte that
// is not as it was written.
func undecrypted(err error) error {
	var known *host.Fault
	var file *fs.PathError
	if err == nil || errors.As(err, &known) || errors.As(err, &file) {
		return err
	}
	return host.NewFault("use another backup: podsec-k8s backup list", "the backup is damaged or incomplete: %w", err)
}
