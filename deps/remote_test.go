package deps_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/deps"
)

// TestMetadata reads the same repository in every packing.
func TestMetadata(t *testing.T) {
	all := []pkg{kubeadm, etcd, {name: "etcd-src", version: "3.5.9", arch: "src", provides: []string{"etcd"}}}
	for _, c := range []struct {
		name string
		pack func(testing.TB, []byte) []byte
	}{
		{"plain", plain}, {"gzip", gzipped}, {"xz", xzipped}, {"zstd", zstandard},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := folderOf(t, all)
			describe(t, folder, all, c.pack)
			for _, repo := range []string{folder, "file://" + folder, serve(t, folder) + "/"} {
				report, err := deps.Verify(t.Context(), somePins(), repo)
				if err != nil || report.Failed() != 0 || len(report.Pins[1].Found) != 1 {
					t.Errorf("%s: %+v, %v", repo, report, err)
				}
			}
		})
	}
}

func TestVerifyReadsRepositoriesTogether(t *testing.T) {
	report, err := deps.Verify(t.Context(), somePins(), folderOf(t, []pkg{kubeadm}), folderOf(t, []pkg{etcd}))
	if err != nil || report.Failed() != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestBadRepository has what is not the fault of one package.
func TestBadRepository(t *testing.T) {
	all := []pkg{kubeadm, etcd}
	for _, c := range []struct {
		name, want string
		repo       func(t *testing.T) string
	}{
		{"no folder", "no such file or directory", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }},
		{"empty folder", "neither repodata/repomd.xml nor any .rpm file", func(t *testing.T) string { return t.TempDir() }},
		{"site without metadata", "it has no repodata/repomd.xml", func(t *testing.T) string { return serve(t, folderOf(t, all)) }},
		{"other scheme", "not a directory and not a file", func(*testing.T) string { return "ftp://example.org/repo" }},
		{"metadata altered", "altered: its sha256 is", described(all, func(t *testing.T, folder string) {
			damage(t, filepath.Join(folder, "repodata/primary.xml"), func(data []byte) []byte { return append(data, ' ') })
		})},
		{"metadata absent", "names a file that does not exist", described(all, func(t *testing.T, folder string) {
			damage(t, filepath.Join(folder, "repodata/repomd.xml"), replace("primary.xml", "secondary.xml"))
		})},
		{"metadata elsewhere", "path escapes", described(all, func(t *testing.T, folder string) {
			damage(t, filepath.Join(folder, "repodata/repomd.xml"), replace("repodata/primary.xml", "../../etc/passwd"))
		})},
		{"weak checksum", `checksums of the kind "md5" are not trusted`, described(all, func(t *testing.T, folder string) {
			damage(t, filepath.Join(folder, "repodata/repomd.xml"), replace("sha256", "md5"))
		})},
		{"no primary", "it does not name the primary metadata", described(all, func(t *testing.T, folder string) {
			damage(t, filepath.Join(folder, "repodata/repomd.xml"), replace(`type="primary"`, `type="other"`))
		})},
		{"index is not XML", "repomd.xml: ", described(all, func(t *testing.T, folder string) {
			write(t, filepath.Join(folder, "repodata/repomd.xml"), []byte("<repomd><data"))
		})},
		{"index too big", "too big", described(all, func(t *testing.T, folder string) {
			write(t, filepath.Join(folder, "repodata/repomd.xml"), make([]byte, 2<<20))
		})},
		{"server refuses", `the server answered "403 Forbidden"`, func(t *testing.T) string {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }))
			t.Cleanup(server.Close)
			return server.URL
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := deps.Verify(t.Context(), somePins(), c.repo(t))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q; %+v", err, c.want, report)
			}
		})
	}
}

// TestLyingMetadata has packages that are not what the metadata say.
func TestLyingMetadata(t *testing.T) {
	all := []pkg{kubeadm, etcd}
	for _, c := range []struct {
		name, want string
		change     func(t *testing.T, folder string)
	}{
		{"another good package", "the metadata say", func(t *testing.T, folder string) {
			write(t, filepath.Join(folder, etcd.file()), pkg{name: "etcd", version: "3.5.8"}.bytes(t))
		}},
		{"another content", "altered: its sha256 is", func(t *testing.T, folder string) {
			write(t, filepath.Join(folder, etcd.file()), pkg{name: "etcd", version: "3.5.9", provides: []string{"more"}}.bytes(t))
		}},
		{"package of another name", "it provides nothing of what the metadata list", func(t *testing.T, folder string) {
			write(t, filepath.Join(folder, etcd.file()), pkg{name: "other", version: "3.5.9"}.bytes(t))
		}},
		{"package is a FIFO", "is not a regular file", func(t *testing.T, folder string) {
			path := filepath.Join(folder, etcd.file())
			if err := errors.Join(syscall.Unlink(path), syscall.Mkfifo(path, 0o600)); err != nil {
				t.Fatal(err)
			}
		}},
		{"package is a link to elsewhere", "path escapes", func(t *testing.T, folder string) {
			path := filepath.Join(folder, etcd.file())
			if err := errors.Join(syscall.Unlink(path), syscall.Symlink("/etc/hostname", path)); err != nil {
				t.Fatal(err)
			}
		}},
		{"package is not there", "the file does not exist", func(t *testing.T, folder string) {
			if err := syscall.Unlink(filepath.Join(folder, etcd.file())); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := folderOf(t, all)
			describe(t, folder, all, gzipped)
			c.change(t, folder)
			report, err := deps.Verify(t.Context(), somePins(), folder)
			if err != nil {
				t.Fatal(err)
			}
			if table := tableOf(t, report); report.Pins[1].State != deps.Altered || !strings.Contains(table, c.want) {
				t.Errorf("want altered and %q:\n%s", c.want, table)
			}
		})
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := deps.Verify(ctx, somePins(), server.URL); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
	}
}

// TestUnknownDamage has a file that no pin can be told of, with a name that
// would command a terminal.
func TestUnknownDamage(t *testing.T) {
	folder := folderOf(t, []pkg{kubeadm, etcd})
	write(t, filepath.Join(folder, "un\x1b[31mknown.rpm"), []byte("no RPM, but long enough to be taken for the lead of one, which has all of ninety-six bytes"))
	report, err := deps.Verify(t.Context(), somePins(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if table := tableOf(t, report); report.Failed() != 1 || !strings.Contains(table, "altered  -") || strings.Contains(table, "\x1b") {
		t.Errorf("%d failed:\n%q", report.Failed(), table)
	}
}

func TestReportAsJSON(t *testing.T) {
	report, err := deps.Verify(t.Context(), somePins(), folderOf(t, []pkg{kubeadm}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"pins":[` +
		`{"pin":{"name":"kubernetes-kubeadm","from":"1.26.3","before":"1.27","why":"creates the cluster","read":""},"state":"ok",` +
		`"found":[{"package":"kubernetes-kubeadm","version":"1.26.3-alt1","file":"kubernetes-kubeadm-1.26.3-alt1.x86_64.rpm","state":"ok"}]},` +
		`{"pin":{"name":"etcd","from":"3.4.15","why":"keeps the cluster","read":""},"state":"missing","found":[]}],"damaged":[]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// described makes a repository with metadata, and changes it.
func described(all []pkg, change func(*testing.T, string)) func(*testing.T) string {
	return func(t *testing.T) string {
		folder := folderOf(t, all)
		describe(t, folder, all, gzipped)
		change(t, folder)
		return folder
	}
}

func replace(was, now string) func([]byte) []byte {
	return func(data []byte) []byte { return []byte(strings.ReplaceAll(string(data), was, now)) }
}
