package programs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// staging matches a replacement of one of Kubernetes' staging modules.
var staging = regexp.MustCompile(`(?m)^\s*(k8s\.io/[a-z-]+) => \./staging.*$`)

// godebug matches the settings that a main module takes over by itself.
var godebug = regexp.MustCompile(`(?ms)^godebug \(.*?^\)|^godebug [^(].*?$`)

var goLine = regexp.MustCompile(`(?m)^go .*$`)

// kubernetes builds seven commands with a module that requires Kubernetes
// and replaces its staging modules by the published ones.
func kubernetes(ctx context.Context, b builder, version string) error {
	if _, err := b.requireKubernetes(ctx, version); err != nil {
		return err
	}
	args := []string{"build", "-ldflags", stamps(version, b.commit), "-o", b.out + "/"}
	for _, name := range []string{"kubelet", "kubeadm", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubectl"} {
		args = append(args, "k8s.io/kubernetes/cmd/"+name)
	}
	return b.command(ctx, b.work, []string{"CGO_ENABLED=0"}, "go", args...)
}

// requireKubernetes writes a module that requires Kubernetes and replaces its staging
// modules by the published ones, and returns the directory of Kubernetes' sources.
func (b builder) requireKubernetes(ctx context.Context, version string) (dir string, err error) {
	dir, file, err := b.download(ctx, "k8s.io/kubernetes@"+version)
	if err != nil {
		return "", err
	}
	upstream, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	goMod := "module nodebins\n" + goLine.FindString(string(upstream)) + "\n" + godebug.FindString(string(upstream)) +
		"\nrequire k8s.io/kubernetes " + version + "\n"
	for _, m := range staging.FindAllStringSubmatch(string(upstream), -1) {
		goMod += fmt.Sprintf("replace %s => %s v0%s\n", m[1], m[1], strings.TrimPrefix(version, "v1"))
	}
	return dir, b.module(goMod, "package main\n\nimport (\n\t_ \"k8s.io/kubernetes/cmd/kubeadm/app\"\n\t_ \"k8s.io/kubernetes/cmd/kubelet/app\"\n)\n\nfunc main() {}\n")
}

// stamps is the linker's flags that tell a program of Kubernetes its version and, where
// it is given, its commit, as upstream's build does: kubectl of 1.26 prints both, and the
// conformance suite looks.
// Source: Kubernetes' hack/lib/version.sh.
func stamps(version, commit string) string {
	values := [][2]string{{"gitVersion", version}, {"gitMajor", "1"}, {"gitMinor", strings.Split(version, ".")[1]}, {"gitTreeState", "clean"}}
	if commit != "" {
		values = append(values, [2]string{"gitCommit", commit})
	}
	flags := "-s -w"
	for _, in := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, v := range values {
			flags += " -X " + in + "." + v[0] + "=" + v[1]
		}
	}
	return flags
}

// etcd builds the server and its two tools, which are modules of their own.
func etcd(ctx context.Context, b builder, version string) error {
	goMod := "module etcdbin\ngo 1.17\nrequire (\n"
	for _, module := range []string{"server", "etcdctl", "etcdutl"} {
		goMod += "\tgo.etcd.io/etcd/" + module + "/v3 " + version + "\n"
	}
	main := "package main\n\nimport (\n\t\"os\"\n\n\t\"go.etcd.io/etcd/server/v3/etcdmain\"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n"
	if err := b.module(goMod+")\n", main); err != nil {
		return err
	}
	for program, from := range map[string]string{"etcd": ".", "etcdctl": "go.etcd.io/etcd/etcdctl/v3", "etcdutl": "go.etcd.io/etcd/etcdutl/v3"} {
		if err := b.command(ctx, b.work, []string{"CGO_ENABLED=0"}, "go", "build", "-ldflags", "-s -w", "-o", filepath.Join(b.out, program), from); err != nil {
			return err
		}
	}
	return nil
}

func coredns(ctx context.Context, b builder, version string) error {
	return b.command(ctx, b.work, []string{"CGO_ENABLED=0", "GOBIN=" + b.out, "GOFLAGS=" + stripped}, "go", "install", "-ldflags", "-s -w",
		"github.com/coredns/coredns@"+version)
}

// crio builds CRI-O, and pinns, a few C files in the same module.
func crio(ctx context.Context, b builder, version string) error {
	dir, err := b.source(ctx, "github.com/cri-o/cri-o@"+version)
	if err != nil {
		return err
	}
	const tags = "exclude_graphdriver_btrfs containers_image_ostree_stub containers_image_openpgp exclude_graphdriver_devicemapper seccomp"
	if err := b.command(ctx, dir, nil, "go", "build", "-ldflags", "-s -w", "-tags", tags,
		"-o", filepath.Join(b.out, "crio"), "./cmd/crio"); err != nil {
		return err
	}
	sources, err := filepath.Glob(filepath.Join(dir, "pinns/src/*.c"))
	if err != nil {
		return err
	}
	define := fmt.Sprintf("-DVERSION=%q", strings.TrimPrefix(version, "v"))
	return b.command(ctx, dir, nil, "gcc", append([]string{"-O2", define, "-o", filepath.Join(b.out, "pinns")}, sources...)...)
}

func flannel(ctx context.Context, b builder, version string) error {
	dir, err := b.source(ctx, "github.com/flannel-io/flannel@"+version)
	if err != nil {
		return err
	}
	flags := "-s -w -X github.com/flannel-io/flannel/pkg/version.Version=" + version
	return b.command(ctx, dir, []string{"CGO_ENABLED=1"}, "go", "build", "-ldflags", flags, "-o", filepath.Join(b.out, "flanneld"), ".")
}

// criTools builds crictl. What its go.mod puts in the place of kubectl is
// not to be had; the published module of the same minor is.
func criTools(ctx context.Context, b builder, version string) error {
	dir, err := b.source(ctx, "github.com/kubernetes-sigs/cri-tools@"+version)
	if err != nil {
		return err
	}
	if err := b.command(ctx, dir, nil, "go", "mod", "edit", "-replace", "k8s.io/kubectl=k8s.io/kubectl@v0.26.0"); err != nil {
		return err
	}
	flags := "-s -w -X github.com/kubernetes-sigs/cri-tools/pkg/version.Version=" + version
	return b.command(ctx, dir, []string{"CGO_ENABLED=0"}, "go", "build", "-ldflags", flags, "-o", filepath.Join(b.out, "crictl"), "./cmd/crictl")
}

func rootlessKit(ctx context.Context, b builder, version string) error {
	dir, err := b.source(ctx, "github.com/rootless-containers/rootlesskit@"+version)
	if err != nil {
		return err
	}
	for _, name := range []string{"rootlesskit", "rootlessctl"} {
		if err := b.command(ctx, dir, []string{"CGO_ENABLED=0"}, "go", "build", "-ldflags", "-s -w",
			"-o", filepath.Join(b.out, name), "./cmd/"+name); err != nil {
			return err
		}
	}
	return nil
}
