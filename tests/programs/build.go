// Package programs builds the unmodified upstream programs of a node from
// their Go modules.
package programs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// unlisted names the modules that the checksum database does not have. Their
// own go.sum pins what they need. Of the last one only Kubernetes 1.27.16 needs a version.
const unlisted = "github.com/flannel-io/*,github.com/cri-o/*,k8s.io/legacy-cloud-providers"

// stripped is how all are compiled: what a debugger needs is not made only to
// be left out by the linker. It changes no instruction.
const stripped = "-trimpath -gcflags=all=-dwarf=false"

// A builder makes one upstream project's programs in a folder.
type builder struct {
	goRoot string // or the name of a toolchain of the Go module proxy; "" for the machine's own
	work   string // for sources
	out    string // for programs
	commit string // of Kubernetes, as a generation's
	log    *os.File
}

// A project is one upstream project at a version.
type project struct {
	name    string
	version string
	goRoot  string // as a builder's
	recipe  string // a number that changes with the recipe: then all is made anew
	build   func(context.Context, builder, string) error
}

func projects(g generation.Generation) []project {
	all := []project{
		{"kubernetes", g.Kubernetes, cmp.Or(g.Toolchain, g.GoRoot), "4" + g.Commit, kubernetes},
		{"etcd", g.Etcd, g.GoRoot, "3", etcd},
		{"coredns", g.CoreDNS, g.GoRoot, "2", coredns},
		{"cri-o", g.CRIO, g.GoRoot, "2", crio},
		{"flannel", g.Flannel, g.GoRoot, "2", flannel},
		// One version serves all generations, and is made once.
		{"cri-tools", g.CRITools, generation.All()[0].GoRoot, "2", criTools},
	}
	if g.RootlessKit != "" {
		all = append(all, project{"rootlesskit", g.RootlessKit, g.GoRoot, "2", rootlessKit})
	}
	return all
}

// Programs is where the programs of a generation are, by project.
type Programs map[string]string

// Path returns the file of a program of a project.
func (p Programs) Path(project, program string) string { return filepath.Join(p[project], program) }

// atOnce is how many projects are made at a time: some are downloaded
// while another is compiled.
const atOnce = 3

// Build returns the programs of a generation, built now or before.
func Build(ctx context.Context, g generation.Generation) (Programs, error) {
	all := projects(g)
	folders := make([]string, len(all))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for i, p := range all {
		work.Go(func() (err error) { folders[i], err = p.get(ctx, g); return err })
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	built := Programs{}
	for i, p := range all {
		built[p.name] = folders[i]
	}
	return built, nil
}

// get returns the folder of a project's programs, built now or before.
func (p project) get(ctx context.Context, g generation.Generation) (string, error) {
	inputs := []string{p.recipe, p.version, p.goRoot, runtime.Version()}
	return cache.Get(ctx, p.name+"-"+p.version, inputs, func(ctx context.Context, dir string) error { return p.make(ctx, g, dir) })
}

// make builds in a folder beside the programs, which goes when all is well.
func (p project) make(ctx context.Context, g generation.Generation, out string) error {
	work := filepath.Join(out, "src")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(cache.Dir(), p.name+"-"+p.version+"-for-"+g.Name+".log"))
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // a log
	if err := p.build(ctx, builder{goRoot: p.goRoot, work: work, out: out, commit: g.Commit, log: log}, p.version); err != nil {
		return fmt.Errorf("%w: see %s", err, log.Name())
	}
	if out, err := exec.Command("chmod", "-R", "u+w", work).CombinedOutput(); err != nil {
		return fmt.Errorf("making sources writable: %w: %s", err, out)
	}
	return os.RemoveAll(work)
}

// command runs a program in a folder with the builder's toolchain.
func (b builder) command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, b.log, b.log
	cmd.Env = b.environment(env)
	if name == "go" && filepath.IsAbs(b.goRoot) {
		cmd.Path = filepath.Join(b.goRoot, "bin/go")
		cmd.Err = nil
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

func (b builder) environment(more []string) []string {
	env := append(os.Environ(), "GONOSUMDB="+unlisted, "GOFLAGS=-mod=mod "+stripped, "GOWORK=off")
	switch {
	case filepath.IsAbs(b.goRoot):
		env = append(env, "GOROOT="+b.goRoot, "PATH="+b.goRoot+"/bin:"+os.Getenv("PATH"))
	case b.goRoot != "":
		env = append(env, "GOTOOLCHAIN="+b.goRoot)
	}
	return append(env, more...)
}

// download fetches a module and returns its directory and its go.mod.
func (b builder) download(ctx context.Context, module string) (dir, goMod string, err error) {
	name := "go"
	if filepath.IsAbs(b.goRoot) {
		name = filepath.Join(b.goRoot, "bin/go")
	}
	cmd := exec.CommandContext(ctx, name, "mod", "download", "-json", module)
	cmd.Dir, cmd.Stderr, cmd.Env = b.work, b.log, b.environment(nil)
	out, err := cmd.Output()
	if err != nil {
		return "", "", fmt.Errorf("module %s could not be downloaded: is the Go module proxy reachable? %w", module, err)
	}
	var answer struct{ Dir, GoMod string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return "", "", fmt.Errorf("reading where module %s is: %w", module, err)
	}
	return answer.Dir, answer.GoMod, nil
}

// source copies a module, so that it is built with its own go.sum.
func (b builder) source(ctx context.Context, module string) (string, error) {
	from, _, err := b.download(ctx, module)
	if err != nil {
		return "", err
	}
	to := filepath.Join(b.work, "module")
	for _, args := range [][]string{{"cp", "-r", from, to}, {"chmod", "-R", "u+w", to}} {
		if err := b.command(ctx, b.work, nil, args[0], args[1:]...); err != nil {
			return "", err
		}
	}
	return to, nil
}

// module writes a small module of our own that only requires another.
func (b builder) module(goMod, mainGo string) error {
	for name, text := range map[string]string{"go.mod": goMod, "main.go": mainGo} {
		if err := os.WriteFile(filepath.Join(b.work, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
