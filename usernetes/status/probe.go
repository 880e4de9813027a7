package status

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// answersTimeout bounds the questions to all parts of the node.
const answersTimeout = 2 * wait.ProbeTimeout

// probes lists how the services of this node can be asked, by their units.
func probes(n node.Node) map[string]services.Probe {
	all := map[string]services.Probe{}
	for _, s := range services.All() {
		if s.Health == nil {
			continue
		}
		if p, known := s.Health(n); known {
			all[s.Unit] = p
		}
	}
	return all
}

// ask returns why a part does not answer, or nil. As for a kubelet, who
// answers is not proved; one that wants a name first does work.
func ask(ctx context.Context, p services.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, wait.ProbeTimeout)
	defer cancel()
	if p.Scheme == "tcp" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.Address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Scheme+"://"+p.Address+p.Path, nil)
	if err != nil {
		return err
	}
	request.Header = p.Header.Clone()
	insecure := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // nothing secret is sent, and only the status is read
	client := http.Client{Transport: &http.Transport{TLSClientConfig: insecure, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<12))
	switch {
	case response.StatusCode < http.StatusBadRequest, response.StatusCode == http.StatusUnauthorized:
		return nil
	default:
		return message.Errorf("%s answers %s: %s", request.URL, response.Status, failedChecks(string(text)))
	}
}

// failedChecks picks, of an answer that lists checks, those that failed.
// Source: the Kubernetes documentation, "Kubernetes API health endpoints".
func failedChecks(text string) string {
	var failed []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "[-]") {
			failed = append(failed, strings.TrimSpace(line))
		}
	}
	if len(failed) == 0 {
		return strings.TrimSpace(text)
	}
	return strings.Join(failed, ", ")
}

// PrintAnswers asks every part of the node that can be asked, and prints what
// keeps each from working, nothing when nothing does, by its unit, as JSON. It runs
// in the node, where the parts listen.
func PrintAnswers(ctx context.Context, n node.Node) error {
	var (
		lock sync.Mutex
		all  sync.WaitGroup
	)
	answers := map[string]message.Text{}
	for unit, p := range probes(n) {
		all.Go(func() {
			text := message.OfError(ask(ctx, p))
			lock.Lock()
			defer lock.Unlock()
			answers[unit] = text
		})
	}
	all.Wait()
	return json.NewEncoder(os.Stdout).Encode(answers)
}

// askParts has printAnswers run in the node.
func askParts(ctx context.Context) (answers map[string]message.Text, err error) {
	ctx, cancel := context.WithTimeout(ctx, answersTimeout)
	defer cancel()
	cmd, err := namespace.InNode(namespace.Program{Name: node.Self, Args: []string{"unit", "answers"}})
	if err != nil {
		return nil, err
	}
	out, err := cmd.Output(ctx)
	if err != nil {
		return nil, message.Errorf("getting the state of the node: %w", err)
	}
	if err := json.Unmarshal(out, &answers); err != nil {
		return nil, message.New("getting the state of the node: no answer")
	}
	return answers, nil
}
