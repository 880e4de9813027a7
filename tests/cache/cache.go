// Package cache keeps what is slow to make outside the checkout, under keys
// made of what it is made from.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Dir returns the folder of the cache.
func Dir() string {
	if dir := os.Getenv("PODSEC_K8S_CACHE"); dir != "" {
		return dir
	}
	return "/var/cache/podsec-k8s-tests"
}

// Key makes a name of a kind of thing and its inputs.
func Key(kind string, inputs ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(inputs, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:6])
}

// Get returns the folder that fill fills from inputs. It is made at most once,
// beside its place, so that an interrupted make leaves nothing that looks
// whole. Progress goes to standard error.
func Get(ctx context.Context, kind string, inputs []string, fill func(ctx context.Context, dir string) error) (string, error) {
	key := Key(kind, inputs...)
	dir := filepath.Join(Dir(), key)
	unlock, err := Lock(key)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	temp := dir + ".part"
	if err := os.RemoveAll(temp); err != nil {
		return "", fmt.Errorf("clearing what an interrupted run left: %w", err)
	}
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return "", fmt.Errorf("making the cache: %w", err)
	}
	start := time.Now()
	fmt.Fprintf(os.Stderr, "making %s …\n", kind)
	if err := fill(ctx, temp); err != nil {
		return "", fmt.Errorf("making %s: %w", kind, err)
	}
	fmt.Fprintf(os.Stderr, "made %s in %.0f s\n", kind, time.Since(start).Seconds())
	return dir, os.Rename(temp, dir)
}

// ErrLocked says that somebody else has a lock.
var ErrLocked = errors.New("somebody else has the lock")

// Lock waits until nobody else has the lock of that name, and takes it. It is a file
// in the cache's folder.
func Lock(name string) (unlock func(), err error) { return flock(name, unix.LOCK_EX) }

// TryLock takes the lock of that name, or fails with ErrLocked.
func TryLock(name string) (unlock func(), err error) {
	return flock(name, unix.LOCK_EX|unix.LOCK_NB)
}

// Source: flock(2).
func flock(name string, how int) (unlock func(), err error) {
	if err := os.MkdirAll(Dir(), 0o755); err != nil {
		return nil, fmt.Errorf("making the cache: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(Dir(), name+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the cache: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), how); err != nil {
		file.Close() //nolint:errcheck // the cause is reported
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("locking the cache: %w", err)
	}
	return func() { file.Close() }, nil //nolint:errcheck // closing releases the lock
}
