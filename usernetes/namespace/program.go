package namespace

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// installed is where programs are that packages have brought.
func installed() string { return strings.Join(node.InstalledPlaces(), ":") }

// searchPath is where the node's programs are: the stand-in for systemctl comes
// first, then what is kept of the node's version, unless that is installed: a newer
// build of it may be.
func searchPath() string {
	n, err := node.LoadNode()
	if err != nil || !node.RunsKept(n.Kubernetes) {
		return node.LibexecDir + ":" + installed()
	}
	return node.LibexecDir + ":" + node.KeptSet(n.Kubernetes) + ":" + installed()
}

// A Program is a program with its arguments, to be run in the node or beside
// it.
type Program struct {
	Name string
	Args []string
}

// Title is what errors call a program: its name and the words up to its first
// flag, such as kubeadm init.
func (p Program) Title() string {
	words := []string{filepath.Base(p.Name)}
	for _, arg := range p.Args {
		if !commandWord.MatchString(arg) || len(words) == 3 {
			break
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// commandWord is the form of a word that tells commands apart.
var commandWord = regexp.MustCompile(`^[a-z][a-z-]*$`)

// clusterConfig picks the identity with the most rights that the node has.
func clusterConfig() string {
	if _, err := os.Stat(node.StatePath(node.AdminConf)); err != nil {
		return node.KubeletConf
	}
	return node.AdminConf
}
