// Package cache keeps what is slow to make outside the checkout, under keys
// made of what it is made from.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	dir := filepath.Join(Dir(), Key(kind, inputs...))
	if err := os.MkdirAll(Dir(), 0o755); err != nil {
		return "", fmt.Errorf("making the cache: %w", err)
	}
	unlock, err := lock(dir + ".lock")
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

// lock waits until no other process makes the same thing.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the cache: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		file.Close() //nolint:errcheck // the cause is reported
		return nil, fmt.Errorf("locking the cache: %w", err)
	}
	return func() { file.Close() }, nil //nolint:errcheck // closing releases the lock
}
