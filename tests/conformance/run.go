package main

import (
	"context"
	_ "embed" // of the lists
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/node"
	"github.com/alt-cloud/podsec-k8s/tests/programs"
)

//go:embed cannot.yaml
var cannot []byte

//go:embed sample.yaml
var sample []byte

// run makes the suite and a cluster, and runs the tests that were chosen.
func run(ctx context.Context, args []string) (err error) {
	c, err := chosen(args)
	if err != nil {
		return err
	}
	limits, err := readLimits(cannot)
	if err != nil {
		return err
	}
	s, err := buildSuite(ctx, c.generation)
	if err != nil {
		return err
	}
	names, err := c.names(ctx, s)
	if err != nil {
		return err
	}
	if err := endCluster(ctx); err != nil { // of an interrupted run
		return err
	}
	if !c.keep {
		defer func() { err = errors.Join(err, endCluster(context.WithoutCancel(ctx))) }()
	}
	cluster, err := makeCluster(ctx, c, s.images, ofPolicies(names))
	if err != nil {
		return err
	}
	return c.test(ctx, s, cluster, names, limits)
}

// names picks the tests: of those that a conformant cluster passes, or, where the focus
// matches none of these, of all that the suite has.
func (c choice) names(ctx context.Context, s suite) ([]string, error) {
	listed, err := readListed(filepath.Join(s.programs, programs.Listed))
	if err != nil {
		return nil, err
	}
	patterns, err := readSample(sample)
	if err != nil {
		return nil, err
	}
	if p := idle(listed, patterns); p != nil {
		return nil, fmt.Errorf("sample.yaml is out of date: no conformance test of Kubernetes %s matches %s", c.generation.Kubernetes, p)
	}
	if !c.sample {
		patterns = nil
	}
	names := selected(listed, c.focus, patterns)
	if len(names) == 0 && c.focus != nil && !c.sample {
		if listed, err = s.all(ctx); err != nil {
			return nil, err
		}
		names = selected(listed, c.focus, nil)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no test of Kubernetes %s has a name that matches FOCUS: %s lists the conformance tests", c.generation.Kubernetes, filepath.Join(s.programs, programs.Listed))
	}
	return names, nil
}

// test runs the tests on a cluster, says how they ended, and keeps what they said. It
// fails when a test does that the list does not know of.
func (c choice) test(ctx context.Context, s suite, cluster node.Cluster, names []string, limits []limit) error {
	network, err := mode(ctx, cluster.Masters[0])
	if err != nil {
		return err
	}
	kept := filepath.Join(cache.Dir(), "conformance", c.generation.Name+"-"+network+"-"+time.Now().UTC().Format("20060102-150405"))
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return fmt.Errorf("making a folder for the reports: %w", err)
	}
	fmt.Printf("%d tests of Kubernetes %s, network mode %s; reports and logs: %s\n", len(names), c.generation.Kubernetes, network, kept)
	began := time.Now()
	results := map[string]result{}
	var faults []string
	for _, p := range parts(names) {
		ended, wrong, err := p.run(ctx, s, cluster.Masters[0], kept)
		if err != nil {
			return err
		}
		maps.DeleteFunc(ended, func(name string, _ result) bool { return !slices.Contains(p.names, name) })
		maps.Copy(results, ended)
		faults = append(faults, wrong...)
	}
	v := judge(names, results, func(name string) *limit { return limitOf(limits, name, c.generation.Minor(), network) })
	text := fmt.Sprintf("Kubernetes %s, %s, %s, commit %s, %.0f min\n\n%s", c.generation.Kubernetes, network,
		began.UTC().Format(time.DateOnly), commit(ctx), time.Since(began).Minutes(), v)
	fmt.Print(text)
	if err := os.WriteFile(filepath.Join(kept, "table.md"), []byte(text), 0o644); err != nil {
		return fmt.Errorf("keeping the table: %w", err)
	}
	if len(faults) > 0 {
		return fmt.Errorf("the suite itself failed: %s", strings.Join(faults, "; "))
	}
	if v.failed() == 0 {
		return nil
	}
	return errors.Join(fmt.Errorf("%d tests failed: see %s", v.failed(), kept), keepJournals(ctx, cluster, kept))
}

// mode asks the product which network mode a node has.
func mode(ctx context.Context, n *node.Node) (string, error) {
	out, err := n.Output(ctx, "podsec-k8s status -o json | jq -r .network")
	if err != nil {
		return "", fmt.Errorf("asking for the network mode: %w\n%s", err, out)
	}
	return strings.TrimSpace(out), nil
}

// folder is where a node has the suite while it runs, for its programs write beside
// themselves.
const folder = "/var/lib/conformance"

// run runs the tests of a part, and copies what they leave into the folder kept. How a
// test ends is no error here.
func (p part) run(ctx context.Context, s suite, master *node.Node, kept string) (map[string]result, []string, error) {
	log, err := os.Create(filepath.Join(kept, p.title+".log"))
	if err != nil {
		return nil, nil, fmt.Errorf("keeping the log: %w", err)
	}
	defer log.Close() //nolint:errcheck // a log
	fmt.Printf("== %s: %d tests, %d at a time; tail -f %s\n", p.title, len(p.names), p.processes, log.Name())
	write := "mkdir -p " + folder + " && cat > " + folder + "/focus"
	if err := master.Exec(ctx, write, strings.NewReader(p.pattern()), nil, os.Stderr); err != nil {
		return nil, nil, fmt.Errorf("telling the suite which tests: %w", err)
	}
	var failed *node.ExitError
	if err := master.Exec(ctx, p.command(s), nil, log, log); err != nil && !errors.As(err, &failed) {
		return nil, nil, fmt.Errorf("running the suite: %w", err)
	}
	report, err := master.Output(ctx, "cat "+folder+"/"+p.title+"/junit_01.xml")
	if err != nil {
		return nil, nil, fmt.Errorf("the suite left no report: see %s", log.Name())
	}
	if err := os.WriteFile(filepath.Join(kept, p.title+".xml"), []byte(report), 0o644); err != nil {
		return nil, nil, fmt.Errorf("keeping the report: %w", err)
	}
	return readJUnit([]byte(report))
}

// command is the line that runs the part. A test that fails is not run again.
func (p part) command(s suite) string {
	return fmt.Sprintf(`set -e; rm -rf %[1]s/%[2]s; mkdir -p %[1]s/%[2]s; cd %[1]s; cp -u %[3]s/%[4]s %[3]s/%[5]s .
exec ./%[4]s --procs=%[6]d --no-color --timeout=12h --focus="$(cat focus)" ./%[5]s -- --kubeconfig=/root/.kube/config --provider=skeleton \
	--disable-log-dump --num-nodes=2 --report-dir=%[1]s/%[2]s`, folder, p.title, s.programs, programs.Ginkgo, programs.E2E, p.processes)
}

// keepJournals copies the nodes' journals to where the reports are.
func keepJournals(ctx context.Context, cluster node.Cluster, kept string) error {
	for _, n := range cluster.All() {
		file, err := os.Create(filepath.Join(kept, n.Name+".journal"))
		if err != nil {
			return fmt.Errorf("keeping the journal of %s: %w", n.Name, err)
		}
		defer file.Close() //nolint:errcheck // a log
		if err := n.Exec(ctx, "journalctl --no-pager", nil, file, file); err != nil {
			return fmt.Errorf("keeping the journal of %s: %w", n.Name, err)
		}
	}
	return nil
}

// commit names the checkout, as git does.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
