package main

import (
	"strconv"
	"time"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/certs"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/people"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// apiVersion is the version of the answers' form: fields are added to it, and
// none changes its meaning.
const apiVersion = "podsec-k8s/v1"

// A typed is what every answer begins with.
type typed struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
}

// A statusAnswer is the answer of podsec-k8s status, in English as all answers for
// programs are.
type statusAnswer struct {
	typed
	State        string          `json:"state"`
	Name         string          `json:"name,omitempty"`
	Address      string          `json:"address,omitempty"`
	Kubernetes   string          `json:"kubernetes,omitempty"`
	Network      string          `json:"network,omitempty"`
	ControlPlane bool            `json:"controlPlane"`
	Units        []unitAnswer    `json:"units"`
	Ports        []portAnswer    `json:"ports"`
	Faults       []problemAnswer `json:"faults"`
	Warnings     []problemAnswer `json:"warnings"`
}

type unitAnswer struct {
	Unit  string    `json:"unit"`
	State string    `json:"state"`
	Fault string    `json:"fault,omitempty"`
	Error string    `json:"error,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

type portAnswer struct {
	Port  string `json:"port"`
	For   string `json:"for"`
	Fault string `json:"fault,omitempty"`
	Note  string `json:"note,omitempty"`
}

type problemAnswer struct {
	Fault  string `json:"fault"`
	Remedy string `json:"remedy,omitempty"`
}

func answerOf(o status.Status) statusAnswer {
	a := statusAnswer{
		typed: typed{"NodeStatus", apiVersion}, State: o.State, Name: o.Name, Address: o.Address, Kubernetes: o.Kubernetes,
		Network: o.Network, ControlPlane: o.Master, Units: []unitAnswer{}, Ports: []portAnswer{},
		Faults: problemAnswers(o.Faults), Warnings: problemAnswers(o.Warnings),
	}
	for _, u := range o.Units {
		a.Units = append(a.Units, unitAnswer{u.Unit, string(u.State), u.Fault.String(), u.Error, u.Since})
	}
	for _, p := range o.Ports {
		a.Ports = append(a.Ports, portAnswer{p.Port, p.For.String(), p.Fault.String(), p.Note.String()})
	}
	return a
}

func problemAnswers(all []node.Problem) []problemAnswer {
	answers := make([]problemAnswer, len(all))
	for i, p := range all {
		answers[i] = problemAnswer{p.Fault.String(), p.Remedy.String()}
	}
	return answers
}

// A pinsAnswer is the answer of podsec-k8s deps list.
type pinsAnswer struct {
	typed
	Kubernetes string     `json:"kubernetesMinor"`
	Pins       []deps.Pin `json:"pins"`
}

// A reportAnswer is the answer of podsec-k8s deps verify.
type reportAnswer struct {
	typed
	Kubernetes string `json:"kubernetesMinor"`
	deps.Report
}

// A changesAnswer is the answer of podsec-k8s host.
type changesAnswer struct {
	typed
	Changes []changeAnswer `json:"changes"`
}

type changeAnswer struct {
	Kind        string `json:"kind"`
	Key         string `json:"key"`
	Description string `json:"description"`
}

func changesOf(changes []host.Change) changesAnswer {
	a := changesAnswer{typed{"HostChangeList", apiVersion}, []changeAnswer{}}
	for _, c := range changes {
		a.Changes = append(a.Changes, changeAnswer{c.Kind(), c.Key(), c.Describe().String()})
	}
	return a
}

// An imagesAnswer is the answer of podsec-k8s image list.
type imagesAnswer struct {
	typed
	Images []imageAnswer `json:"images"`
}

type imageAnswer struct {
	Name string `json:"name"`
}

func imagesOf(names []string) imagesAnswer {
	a := imagesAnswer{typed{"ImageList", apiVersion}, []imageAnswer{}}
	for _, name := range names {
		a.Images = append(a.Images, imageAnswer{name})
	}
	return a
}

// An auditAnswer is the answer of podsec-k8s audit status.
type auditAnswer struct {
	typed
	Mode        string   `json:"mode"`
	ClusterMode string   `json:"clusterMode,omitempty"`
	Current     bool     `json:"current"`
	Policy      string   `json:"policy,omitempty"`
	Log         string   `json:"log,omitempty"`
	Bytes       int64    `json:"bytes"`
	Files       int      `json:"files"`
	MaxSize     *int     `json:"maxSizeMegabytes,omitempty"`
	MaxAge      *int     `json:"maxAgeDays,omitempty"`
	Backups     *int     `json:"maxBackups,omitempty"`
	Others      []string `json:"otherControlPlanes"`
}

func auditOf(s usernetes.AuditState) auditAnswer {
	return auditAnswer{
		typed{"AuditStatus", apiVersion},
		string(s.Node.Mode), string(s.Cluster.Mode), s.Node == s.Cluster, s.Node.Policy, s.Node.Log, s.Bytes, s.Files,
		number(s.Node.MaxSize), number(s.Node.MaxAge), number(s.Node.Backups), append([]string{}, s.Others...),
	}
}

// number is one that is written in an argument, or nil.
func number(text string) *int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil
	}
	return &n
}

// A configAnswer is the answer of podsec-k8s config diff.
type configAnswer struct {
	typed
	Same        bool               `json:"same"`
	Differences []differenceAnswer `json:"differences"`
	Others      []string           `json:"otherNodes"` // known on a control plane
}

type differenceAnswer struct {
	Part   string `json:"part"`
	Name   string `json:"name"`
	Node   string `json:"node,omitempty"`
	Config string `json:"config,omitempty"`
}

func configOf(s usernetes.ConfigState) configAnswer {
	a := configAnswer{typed{"ConfigDifferences", apiVersion}, len(s.Differences) == 0, []differenceAnswer{}, append([]string{}, s.Others...)}
	for _, d := range s.Differences {
		a.Differences = append(a.Differences, differenceAnswer(d))
	}
	return a
}

// A certificatesAnswer is the answer of podsec-k8s certs status.
type certificatesAnswer struct {
	typed
	Certificates []certificateAnswer `json:"certificates"`
}

type certificateAnswer struct {
	Name      string    `json:"name"`
	Path      string    `json:"path"`
	Subject   string    `json:"subject,omitempty"`
	Authority string    `json:"authority,omitempty"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	DaysLeft  int       `json:"daysLeft"` // 0 of one that can't be read
	State     string    `json:"state"`
	ManagedBy string    `json:"managedBy"`
	External  bool      `json:"externalAuthority"`
	Fault     string    `json:"fault,omitempty"` // why it can't be read
}

func certificatesOf(all []certs.Certificate, now time.Time) certificatesAnswer {
	a := certificatesAnswer{typed{"CertificateList", apiVersion}, []certificateAnswer{}}
	for _, c := range all {
		days := 0
		if c.Fault.Empty() {
			days = c.DaysLeft(now)
		}
		a.Certificates = append(a.Certificates, certificateAnswer{
			c.Name, c.Path, c.Subject, c.Authority, c.Begins, c.Ends, days, string(c.StateAt(now)), string(c.Keeper), c.Elsewhere, c.Fault.String(),
		})
	}
	return a
}

// A backupsAnswer is the answer of podsec-k8s backup list.
type backupsAnswer struct {
	typed
	Backups []storedBackup `json:"backups"`
}

func backupsOf(all []storedBackup) backupsAnswer {
	return backupsAnswer{typed{"BackupList", apiVersion}, append([]storedBackup{}, all...)}
}

// A tokenAnswer is the answer of podsec-k8s token create.
type tokenAnswer struct {
	typed
	Token string `json:"token"`
}

func tokenOf(t usernetes.Token) tokenAnswer {
	return tokenAnswer{typed{"Token", apiVersion}, t.Token}
}

// A joinAnswer is the answer of podsec-k8s token create that has what a machine
// joins by.
type joinAnswer struct {
	typed
	Endpoint       string   `json:"endpoint"`
	Token          string   `json:"token"`
	CAHashes       []string `json:"discoveryTokenCACertHashes"`
	CertificateKey string   `json:"certificateKey,omitempty"`
	Command        string   `json:"command"`
}

func joinOf(t kubeadm.JoinTicket) joinAnswer {
	return joinAnswer{typed{"JoinTicket", apiVersion}, t.Endpoint, t.Token, t.CAHashes, t.CertificateKey, t.Command()}
}

// A tokensAnswer is the answer of podsec-k8s token list.
type tokensAnswer struct {
	typed
	Tokens []kubeadm.ListedToken `json:"tokens"`
}

func tokensOf(tokens []kubeadm.ListedToken) tokensAnswer {
	a := tokensAnswer{typed{"TokenList", apiVersion}, []kubeadm.ListedToken{}}
	for _, t := range tokens {
		t.Usages, t.Groups = append([]string{}, t.Usages...), append([]string{}, t.Groups...)
		a.Tokens = append(a.Tokens, t)
	}
	return a
}

// A usersAnswer is the answer of podsec-k8s user list.
type usersAnswer struct {
	typed
	Users []userAnswer `json:"users"`
}

type userAnswer struct {
	Name    string       `json:"name"`
	Groups  []string     `json:"groups"`
	Expires time.Time    `json:"expires,omitzero"` // the last certificate
	Revoked time.Time    `json:"revoked,omitzero"`
	Roles   []roleAnswer `json:"roles"`
}

type roleAnswer struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

func usersOf(all []people.Listed, now time.Time) usersAnswer {
	a := usersAnswer{typed{"UserList", apiVersion}, []userAnswer{}}
	for _, l := range all {
		u := userAnswer{l.Name, l.User.Groups(now), l.User.Until(), l.User.Revoked, []roleAnswer{}}
		for _, b := range l.Bindings {
			u.Roles = append(u.Roles, roleAnswer{b.Kind, b.Role, b.Namespace})
		}
		a.Users = append(a.Users, u)
	}
	return a
}

// A reviewAnswer is the answer of podsec-k8s user can about one thing.
type reviewAnswer struct {
	typed
	User      string `json:"user"`
	Verb      string `json:"verb"`
	Resource  string `json:"resource"`
	Namespace string `json:"namespace,omitempty"`
	Allowed   bool   `json:"allowed"`
}

// A rightsAnswer is the answer of podsec-k8s user can about all things.
type rightsAnswer struct {
	typed
	User      string        `json:"user"`
	Namespace string        `json:"namespace"`
	Rules     []people.Rule `json:"rules"`
}

// rightsOf is the answer to a Try, of either kind.
func rightsOf(t people.Try, r people.Rights) any {
	if t.Verb != "" {
		return reviewAnswer{typed{"UserAccessReview", apiVersion}, t.User, t.Verb, t.Resource, t.Namespace, r.Allowed}
	}
	a := rightsAnswer{typed{"UserRights", apiVersion}, t.User, t.Namespace, []people.Rule{}}
	for _, rule := range r.Rules {
		rule.Verbs = append([]string{}, rule.Verbs...)
		a.Rules = append(a.Rules, rule)
	}
	return a
}
