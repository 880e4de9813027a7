package audit

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
)

// Names of kube-apiserver's arguments. Source: its reference page.
const (
	prefix     = "audit-"
	policyFile = "audit-policy-file"
	logPath    = "audit-log-path"
	maxSize    = "audit-log-maxsize"
	maxAge     = "audit-log-maxage"
	maxBackup  = "audit-log-maxbackup"
)

func isAudit(name string) bool { return strings.HasPrefix(name, prefix) }

// arguments are those of the setting. No volume is needed: kube-apiserver is a
// service, and sees what the node sees.
func (s Setting) arguments() []kubeadm.Arg {
	if s.Mode == Off {
		return nil
	}
	return []kubeadm.Arg{
		{Name: policyFile, Value: s.PolicyPath()},
		{Name: logPath, Value: Log},
		{Name: maxSize, Value: strconv.Itoa(s.Log.MaxSize)},
		{Name: maxAge, Value: strconv.Itoa(s.Log.MaxAge)},
		{Name: maxBackup, Value: strconv.Itoa(s.Log.Backups)},
	}
}

// Lay writes the setting into a ClusterConfiguration, in the place of what it says
// of the audit.
func (s Setting) Lay(cluster document.Document) {
	server, ok := cluster["apiServer"].(document.Document)
	if !ok {
		server = document.Document{}
	}
	kubeadm.ReplaceExtraArgs(server, kubeadm.FormOf(cluster), isAudit, s.arguments()...)
	if cluster["apiServer"] = server; len(server) == 0 {
		delete(cluster, "apiServer")
	}
}

// An Arguments is what kube-apiserver is told of the audit.
type Arguments struct {
	Mode                     Mode
	Policy, Log              string // paths in the node
	MaxSize, MaxAge, Backups string // as they are written
}

// OfCluster reads them in a ClusterConfiguration.
func OfCluster(cluster document.Document) Arguments {
	server, _ := cluster["apiServer"].(document.Document)
	return read(kubeadm.ExtraArgs(server))
}

// OfConfig reads them in kubeadm's configuration. Whoever reads all of that tells what
// is wrong with it.
func OfConfig(config []byte) Arguments {
	docs, _ := document.Parse(config)
	for _, doc := range docs {
		if doc["kind"] == kubeadm.KindCluster {
			return OfCluster(doc)
		}
	}
	return Arguments{Mode: Off}
}

// OfCommand reads them in a command line.
func OfCommand(argv []string) Arguments {
	var args []kubeadm.Arg
	for _, word := range argv {
		if name, value, ok := strings.Cut(strings.TrimPrefix(word, "--"), "="); ok {
			args = append(args, kubeadm.Arg{Name: name, Value: value})
		}
	}
	return read(args)
}

// read tells the mode by the policy, if there is nothing but what a setting has.
func read(args []kubeadm.Arg) Arguments {
	a := Arguments{Mode: Off}
	known := map[string]*string{policyFile: &a.Policy, logPath: &a.Log, maxSize: &a.MaxSize, maxAge: &a.MaxAge, maxBackup: &a.Backups}
	foreign := false
	for _, arg := range args {
		if !isAudit(arg.Name) {
			continue
		}
		a.Mode = Other
		if place := known[arg.Name]; place != nil {
			*place = arg.Value
		} else {
			foreign = true
		}
	}
	switch {
	case a.Mode == Off || foreign || a.Log != Log:
	case IsOwnPolicy(a.Policy):
		a.Mode = Own
	case a.Policy == path.Join(policies, string(Metadata)+".yaml"):
		a.Mode = Metadata
	case a.Policy == path.Join(policies, string(Requests)+".yaml"):
		a.Mode = Requests
	}
	return a
}

// Check reports whether the mode is one. All else is only shown.
func (a Arguments) Check() error {
	if slices.Contains([]Mode{"", Metadata, Requests, Off, Own, Other}, a.Mode) {
		return nil
	}
	return message.Errorf("the node reports the invalid audit mode %q", string(a.Mode))
}
