package preflight

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

func TestFileFactCheck(t *testing.T) {
	file := func(use staticpod.FileUse) staticpod.NamedFile {
		return staticpod.NamedFile{By: "x", Path: "/srv/x", Use: use}
	}
	volume := func(kind staticpod.HostPathType) staticpod.NamedFile {
		return staticpod.NamedFile{By: "x", Path: "/srv/x", Use: staticpod.UseVolume, Kind: kind}
	}
	for _, c := range []struct {
		name string
		fact fileFact
		word string // "" when all is well
	}{
		{"there", fileFact{NamedFile: file(staticpod.UseFile), Readable: true}, ""},
		{"not there", fileFact{NamedFile: file(staticpod.UseFile), Err: fs.ErrNotExist}, "does not exist"},
		{"of root alone", fileFact{NamedFile: file(staticpod.UseFile), Closed: "/srv/x"}, "cannot read /srv/x"},
		{"in a closed folder", fileFact{NamedFile: file(staticpod.UseFile), Err: fs.ErrPermission, Closed: "/srv"}, "cannot enter the directory /srv"},
		{"a folder", fileFact{NamedFile: file(staticpod.UseFile), Mode: fs.ModeDir, Readable: true}, "is a directory"},
		{"relative", fileFact{NamedFile: staticpod.NamedFile{Path: "x"}}, "not an absolute path"},
		{"output to be made", fileFact{NamedFile: file(staticpod.UseOutput), Err: fs.ErrNotExist, Writable: true}, ""},
		{"output that can't be made", fileFact{NamedFile: file(staticpod.UseOutput), Err: fs.ErrNotExist}, "cannot create it"},
		{"output that can't be written", fileFact{NamedFile: file(staticpod.UseOutput), Readable: true}, "cannot write"},
		{"store that is a file", fileFact{NamedFile: file(staticpod.UseStore), Writable: true}, "is not a directory"},
		{"folder with a closed file", fileFact{NamedFile: file(staticpod.UseFolder), Mode: fs.ModeDir, Closed: "/srv/x/a"}, "cannot read /srv/x/a"},
		{"volume to be made", fileFact{NamedFile: volume(staticpod.PathFolderOrMake), Err: fs.ErrNotExist, Writable: true}, ""},
		{"volume of any kind", fileFact{NamedFile: volume(staticpod.PathUnset), Err: fs.ErrNotExist, Writable: true}, ""},
		{"volume that has to be there", fileFact{NamedFile: volume(staticpod.PathFolder), Err: fs.ErrNotExist, Writable: true}, "does not exist"},
		{"volume of another kind", fileFact{NamedFile: volume(staticpod.PathFile), Mode: fs.ModeDir, Readable: true}, "is not of the type File"},
		{"volume of root alone", fileFact{NamedFile: volume(staticpod.PathFolder), Mode: fs.ModeDir}, "cannot read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.fact.check()
			if c.word == "" && err == nil {
				return
			}
			if err == nil || c.word == "" || !strings.Contains(err.Error(), c.word) || host.AsFault(err).Remedy.Empty() {
				t.Errorf("got %v, want %q and a remedy", err, c.word)
			}
		})
	}
}

// TestCheckFilesGroups: a file that several fields name is told of once.
func TestCheckFilesGroups(t *testing.T) {
	missing := func(by, path string) fileFact {
		return fileFact{NamedFile: staticpod.NamedFile{By: by, Path: path}, Err: fs.ErrNotExist}
	}
	f := Facts{Files: []fileFact{missing("a", "/x"), missing("b", "/y"), missing("c", "/x")}}
	findings := Run([]Check{{"files", checkFiles}}, f, node.Node{}, nil)
	if len(findings) != 2 || !strings.HasPrefix(findings[0].Fault.Error(), "a, c: /x") || findings[0].Fault.Remedy.Empty() {
		t.Errorf("got %+v", findings)
	}
}

func TestCheckVolume(t *testing.T) {
	for target, ok := range map[string]bool{"/policies": true, "/usr": false, "/": false, "/usr/bin": false, "x": false, "/a/../b": false, "/usr/local/etc": true} {
		if err := checkVolume(staticpod.HostMount{Target: target}); (err == nil) != ok {
			t.Errorf("%s: %v", target, err)
		}
	}
	if err := checkVolume(staticpod.HostMount{Target: "/x", Kind: "Folder"}); err == nil {
		t.Error("a pathType that there is not")
	}
}

func TestCanMake(t *testing.T) {
	for _, path := range []string{"/var/log/no-such-folder/audit", "/etc/kubernetes/no/such", "/var/lib/etcd/x"} {
		if !canMake(path, false) {
			t.Errorf("%s: the node has no place for it", path)
		}
	}
	if canMake("/var/log/no-such-folder/file", true) {
		t.Error("a bare file in a folder that is not there")
	}
}

func TestClosedAbove(t *testing.T) {
	if folder := closedAbove("/usr/share/doc"); folder != "" {
		t.Errorf("%s is open", folder)
	}
	if !errors.Is(lookAt(staticpod.NamedFile{Path: "/nowhere/at all"}).Err, fs.ErrNotExist) {
		t.Error("a file that is not there")
	}
}
