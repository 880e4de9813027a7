package programs

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// Of Kubernetes' own conformance suite: the tests, what runs several of them side by
// side, and the programs that their pods run.
const (
	E2E             = "e2e.test"
	Ginkgo          = "ginkgo"
	Agnhost         = "agnhost"
	NoNewPrivs      = "nonewprivs"
	SampleAPIServer = "sample-apiserver"
)

// Names of what the suite's own sources have beside programs.
const (
	Manifest  = "manifest.go"   // names the suite's images
	Listed    = "listed.yaml"   // the conformance tests of this minor
	PorterCrt = "localhost.crt" // what agnhost's porter shows who connects
	PorterKey = "localhost.key"
)

// BuildSuite returns a folder with the conformance suite of a generation, built now
// or before. No node needs it, so Build does without.
func BuildSuite(ctx context.Context, g generation.Generation) (string, error) {
	return project{"suite", g.Kubernetes, cmp.Or(g.Toolchain, g.GoRoot), "1" + g.Commit, suite}.get(ctx, g)
}

// ginkgoVersion matches what Kubernetes' go.mod requires to run tests: its command
// has to be of the same version.
var ginkgoVersion = regexp.MustCompile(`github\.com/onsi/ginkgo/v2 (v\S+)`)

// sampleTag matches the tag of the image of sample-apiserver.
var sampleTag = regexp.MustCompile(`"sample-apiserver", "1(\.[0-9.]+)"`)

// suite builds the tests and their programs from the same module as the node's.
func suite(ctx context.Context, b builder, version string) error {
	dir, err := b.requireKubernetes(ctx, version)
	if err != nil {
		return err
	}
	static := []string{"CGO_ENABLED=0"}
	if err := b.command(ctx, b.work, static, "go", "test", "-c", "-vet=off", "-ldflags", stamps(version, b.commit),
		"-o", filepath.Join(b.out, E2E), "k8s.io/kubernetes/test/e2e"); err != nil {
		return err
	}
	if err := b.command(ctx, b.work, static, "go", "build", "-ldflags", stamps(version, b.commit), "-o", b.out+"/",
		"k8s.io/kubernetes/test/images/"+Agnhost, "k8s.io/kubernetes/test/images/"+NoNewPrivs); err != nil {
		return err
	}
	for name, from := range map[string]string{
		Manifest: "test/utils/image/manifest.go", Listed: "test/conformance/testdata/conformance.yaml",
		PorterCrt: "test/images/agnhost/porter/localhost.crt", PorterKey: "test/images/agnhost/porter/localhost.key",
	} {
		text, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			return fmt.Errorf("reading the suite's sources: %w", err)
		}
		if err := os.WriteFile(filepath.Join(b.out, name), text, 0o644); err != nil {
			return err
		}
	}
	return b.suiteTools(ctx, dir)
}

// A tool is the program of another module. A file of Kubernetes' sources says of which
// version.
type tool struct {
	name, module, folder string // of the module's folders, the program's
	from                 string
	version              *regexp.Regexp
	prefix               string // of the version, before what the pattern finds
}

func suiteTools() []tool {
	return []tool{
		{Ginkgo, "github.com/onsi/ginkgo/v2", "./ginkgo", "go.mod", ginkgoVersion, ""},
		{SampleAPIServer, "k8s.io/sample-apiserver", ".", "test/utils/image/manifest.go", sampleTag, "v0"},
	}
}

// versionIn finds the tool's version in the file's text.
func (t tool) versionIn(text []byte) (version string, ok bool) {
	found := t.version.FindSubmatch(text)
	if found == nil {
		return "", false
	}
	return t.prefix + string(found[1]), true
}

// suiteTools builds the suite's tools as the sources of Kubernetes in dir want them.
func (b builder) suiteTools(ctx context.Context, dir string) error {
	for _, t := range suiteTools() {
		text, err := os.ReadFile(filepath.Join(dir, t.from))
		if err != nil {
			return fmt.Errorf("reading the suite's sources: %w", err)
		}
		version, ok := t.versionIn(text)
		if !ok {
			return fmt.Errorf("%s of Kubernetes names no version of %s", t.from, t.module)
		}
		apart := b
		apart.work = filepath.Join(b.work, t.name)
		if err := os.MkdirAll(apart.work, 0o755); err != nil {
			return err
		}
		source, err := apart.source(ctx, t.module+"@"+version)
		if err != nil {
			return err
		}
		if err := apart.command(ctx, source, []string{"CGO_ENABLED=0"}, "go", "build", "-ldflags", "-s -w", "-o", filepath.Join(b.out, t.name), t.folder); err != nil {
			return err
		}
	}
	return nil
}
