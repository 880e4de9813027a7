// Package finished looks at the package podsec-k8s as it leaves the build,
// with rpm's own tools.
package finished

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// checkout is the top of the product's module.
const checkout = "../.."

// run runs a program in the checkout and returns all that it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func try(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = checkout
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// built makes the package once, and returns its path.
func built(t *testing.T) string {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatalf("%v\n%s", err, path)
	}
	return path
}

var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "podsec-k8s-finished-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "run", "./rpm", "--out", dir)
	cmd.Dir = checkout
	if out, err := cmd.CombinedOutput(); err != nil {
		return string(out), err
	}
	return onlyRPM(dir)
})

// onlyRPM returns the one package that was built into a folder, which may have
// a wildcard in its path.
func onlyRPM(folder string) (string, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.rpm"))
	if err == nil && len(names) != 1 {
		err = fmt.Errorf("not one package, but %q", names)
	}
	if err != nil {
		return "", err
	}
	return names[0], nil
}

func TestMain(m *testing.M) {
	status := m.Run()
	if path, err := buildOnce(); err == nil {
		os.RemoveAll(filepath.Dir(path)) //nolint:errcheck // a folder of /tmp
	}
	os.Exit(status)
}

// TestVouched: rpm takes the package as it is, and none that was changed.
func TestVouched(t *testing.T) {
	path := built(t)
	database := t.TempDir()
	if out := run(t, "rpm", "--dbpath", database, "-K", path); !strings.Contains(out, "digests OK") {
		t.Errorf("rpm -K: %s", out)
	}
	install := []string{"--dbpath", database, "-i", "--test", "--nodeps", "--ignoresize", "--ignorearch"}
	run(t, "rpm", append(install, path)...)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, place := range map[string]int{
		"scriptlet": bytes.Index(data, []byte("scriptlet post")),
		"payload":   len(data) - 100,
	} {
		t.Run(name, func(t *testing.T) {
			changed := slices.Clone(data)
			changed[place] ^= 1
			damaged := filepath.Join(t.TempDir(), filepath.Base(path))
			if err := os.WriteFile(damaged, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := try(t, "rpm", "--dbpath", database, "-K", damaged); err == nil || !strings.Contains(out, "NOT OK") {
				t.Errorf("rpm -K of a changed package: %v, %s", err, out)
			}
			if name == "scriptlet" { // the payload is looked at when it is unpacked
				if out, err := try(t, "rpm", append(install, damaged)...); err == nil {
					t.Errorf("rpm takes a changed scriptlet: %s", out)
				}
			}
		})
	}
}

// TestSigned: rpm knows the signature of a key that it was given.
func TestSigned(t *testing.T) {
	home, database, out := t.TempDir(), t.TempDir(), t.TempDir()
	gpg := []string{"--homedir", home, "--batch", "--passphrase", "", "--pinentry-mode", "loopback"}
	run(t, "gpg", append(gpg, "--quick-generate-key", "tester <tester@altlinux.org>", "rsa2048", "sign", "never")...)
	t.Cleanup(func() { exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() }) //nolint:errcheck // an agent of this test
	secret, public := filepath.Join(home, "secret.asc"), filepath.Join(home, "public.asc")
	run(t, "gpg", append(gpg, "--armor", "--output", secret, "--export-secret-keys")...)
	run(t, "gpg", append(gpg, "--armor", "--output", public, "--export")...)
	run(t, "go", "run", "./rpm", "--out", out, "--sign-key", secret)
	signed, err := onlyRPM(out)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := try(t, "rpm", "--dbpath", database, "-Kv", signed); err == nil || !strings.Contains(text, "NOKEY") {
		t.Errorf("without the key: %v, %s", err, text)
	}
	run(t, "rpm", "--dbpath", database, "--import", public)
	text := run(t, "rpm", "--dbpath", database, "-Kv", signed)
	for _, want := range []string{`Header V4 RSA/SHA\d+ Signature, key ID [0-9a-f]+: OK`, `\n +V4 RSA/SHA\d+ Signature, key ID [0-9a-f]+: OK`} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestRPMLint: rpmlint has nothing to say but what rpmlint.toml skips,
// each with its reason.
func TestRPMLint(t *testing.T) {
	path := built(t)
	if out := run(t, "rpmlint", "--strict", "-c", "tests/finished/rpmlint.toml", path); !strings.Contains(out, "0 errors, 0 warnings") {
		t.Errorf("rpmlint:\n%s", out)
	}
}
