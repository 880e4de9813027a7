package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/programs"
)

// A root is what an image's programs find beside themselves.
type root int

const (
	small  root = iota // busybox and its links
	debian             // bash, curl, dig and other tools of the network
)

// A suiteImage is an image that pods of the conformance suite have, made anew from
// programs that can be had: upstream's own can't. It is made under each tag that the
// suite asks for.
type suiteImage struct {
	name     string // as the suite names it, below its registry
	root     root
	programs map[string]program // by path
	files    map[string]string  // text by path
	links    map[string]string  // where they lead, by path
	config   settings
}

// A program, or what it reads, is a file of one of the folders that images are made from.
type program struct {
	from source
	name string
	mode int64
}

type source int

const (
	fromSuite source = iota // see programs.BuildSuite
	fromEtcd
	fromHere // a folder of tests/images
)

const page = "<html><body><h1>It works!</h1></body></html>\n"

// suiteImages is what the pods of the [Conformance] tests of all generations run, but
// for two that none of them can have: an image of a registry that wants a password,
// and one that is nowhere.
// Source: the Dockerfiles in test/images of Kubernetes, and its
// test/utils/image/manifest.go.
func suiteImages() []suiteImage {
	static := program{fromHere, "static", 0o755}
	return []suiteImage{
		{
			name: "agnhost", root: debian, links: map[string]string{"agnhost-2": "agnhost"}, files: map[string]string{"uploads/.keep": ""},
			programs: map[string]program{
				"agnhost":       {fromSuite, programs.Agnhost, 0o755},
				"localhost.crt": {fromSuite, programs.PorterCrt, 0o644}, "localhost.key": {fromSuite, programs.PorterKey, 0o644},
			},
			config: settings{Entrypoint: []string{"/agnhost"}, Cmd: []string{"pause"}},
		},
		{name: "jessie-dnsutils", root: debian, config: settings{Cmd: []string{"bash"}}},
		{name: "busybox", config: settings{Cmd: []string{"sh"}}},
		{name: "nonroot", config: settings{Cmd: []string{"sh"}, User: "1234"}},
		{
			name: "nonewprivs", programs: map[string]program{"usr/local/bin/nnp": {fromSuite, programs.NoNewPrivs, 0o6755}},
			config: settings{Cmd: []string{"nnp"}},
		},
		{
			name: "httpd", programs: map[string]program{"usr/local/bin/static": static},
			files:  map[string]string{"usr/local/apache2/htdocs/index.html": page},
			config: settings{Cmd: []string{"static", "/usr/local/apache2/htdocs"}},
		},
		{
			name: "nginx", programs: map[string]program{"usr/local/bin/static": static},
			files:  map[string]string{"usr/share/nginx/html/index.html": page},
			config: settings{Cmd: []string{"static", "/usr/share/nginx/html"}},
		},
		{
			name: "nautilus", programs: map[string]program{"usr/local/bin/static": static},
			files:  map[string]string{"srv/data.json": "{\n  \"image\": \"nautilus.jpg\"\n}\n"},
			config: settings{Cmd: []string{"static", "/srv"}},
		},
		{
			name: "sample-apiserver", programs: map[string]program{"sample-apiserver": {fromSuite, programs.SampleAPIServer, 0o755}},
			config: settings{Entrypoint: []string{"/sample-apiserver"}},
		},
		{
			name: "etcd", programs: map[string]program{"usr/local/bin/etcd": {fromEtcd, "etcd", 0o755}},
			config: settings{Entrypoint: []string{"/usr/local/bin/etcd"}},
		},
		{name: "pause", programs: map[string]program{"pause": {fromHere, "pause", 0o755}}, config: settings{Entrypoint: []string{"/pause"}}},
	}
}

// registries is where the suite's own code has the images of those of its lists that
// can be had.
func registries() map[string]string {
	return map[string]string{"PromoterE2eRegistry": "registry.k8s.io/e2e-test-images", "GcEtcdRegistry": "registry.k8s.io", "GcRegistry": "registry.k8s.io"}
}

// listedImage matches a line of Kubernetes' test/utils/image/manifest.go.
var listedImage = regexp.MustCompile(`configs\[\w+\]\s*=\s*Config\{list\.(\w+), "([^"]+)", "([^"]+)"\}`)

// references finds under which names the suite's manifest has an image.
func references(manifest, name string) (all []string) {
	for _, m := range listedImage.FindAllStringSubmatch(manifest, -1) {
		if registry, ok := registries()[m[1]]; ok && m[2] == name {
			all = append(all, registry+"/"+name+":"+m[3])
		}
	}
	return all
}

// BuildSuite returns an archive with all images of the conformance suite of a generation.
// The suite's programs are in the folder suite, see programs.BuildSuite.
func BuildSuite(ctx context.Context, g generation.Generation, built programs.Programs, suite string) (string, error) {
	inputs, err := sources("images/archive.go", "images/layers.go", "images/suite.go", "images/roots.go", "images/static/main.go", "images/pause/main.go")
	if err != nil {
		return "", err
	}
	inputs = append(inputs, built["etcd"], suite, g.Suite)
	dir, err := cache.Get(ctx, "suite-images-"+g.Name, inputs, func(ctx context.Context, dir string) error {
		work := filepath.Join(dir, "work")
		if err := os.Mkdir(work, 0o755); err != nil {
			return err
		}
		all, err := layers(ctx, work, g, map[source]string{fromSuite: suite, fromEtcd: built["etcd"], fromHere: work})
		if err != nil {
			return err
		}
		if err := writeImages(filepath.Join(dir, suiteArchive), all); err != nil {
			return err
		}
		return os.RemoveAll(work)
	})
	return filepath.Join(dir, suiteArchive), err
}

const suiteArchive = "suite.tar"

// layers makes the layers of all images in a folder.
func layers(ctx context.Context, dir string, g generation.Generation, from map[source]string) (all []layered, err error) {
	manifest, err := os.ReadFile(filepath.Join(from[fromSuite], programs.Manifest))
	if err != nil {
		return nil, fmt.Errorf("reading the names of the suite's images: %w", err)
	}
	for _, name := range []string{"static", "pause"} {
		if err := compile(ctx, name, dir); err != nil {
			return nil, err
		}
	}
	roots, err := makeRoots(ctx, g, dir)
	if err != nil {
		return nil, err
	}
	for _, image := range suiteImages() {
		layers := []string{roots[image.root]}
		if entries := image.entries(from); len(entries) > 0 {
			layers = append(layers, filepath.Join(dir, image.name+".layer"))
			if err := writeTarFile(layers[1], entries); err != nil {
				return nil, err
			}
		}
		refs := references(string(manifest), image.name)
		if len(refs) == 0 {
			return nil, fmt.Errorf("the suite of Kubernetes %s names no image %s", g.Kubernetes, image.name)
		}
		for _, ref := range refs {
			all = append(all, layered{ref, image.config, layers})
		}
	}
	return all, nil
}

// entries is what the image has over its root. The same programs give the same bytes.
func (i suiteImage) entries(from map[source]string) (all []entry) {
	for path, p := range i.programs {
		all = append(all, entry{name: path, mode: p.mode, file: filepath.Join(from[p.from], p.name)})
	}
	for path, text := range i.files {
		all = append(all, entry{name: path, mode: 0o644, data: []byte(text)})
	}
	for path, to := range i.links {
		all = append(all, entry{name: path, mode: 0o777, link: to})
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return all
}
