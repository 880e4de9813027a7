package kubeapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Access is what a kubeconfig comes to: where the cluster is, and who asks.
type Access struct {
	Server string // an https URL
	CA     []byte // PEM, of the cluster
	Cert   []byte // PEM, of the client
	Key    []byte // PEM, secret
}

// A kubeconfig is the part of a kubeconfig file that Access is read from and
// written to. Source: client-go's api/v1 Config.
type kubeconfig struct {
	APIVersion     string         `yaml:"apiVersion"`
	Kind           string         `yaml:"kind"`
	Clusters       []namedCluster `yaml:"clusters"`
	Users          []namedUser    `yaml:"users"`
	Contexts       []namedContext `yaml:"contexts"`
	CurrentContext string         `yaml:"current-context"`
}

type namedCluster struct {
	Name    string `yaml:"name"`
	Cluster struct {
		Server string `yaml:"server"`
		CA     string `yaml:"certificate-authority-data"`
	} `yaml:"cluster"`
}

type namedUser struct {
	Name string `yaml:"name"`
	User struct {
		Cert     string `yaml:"client-certificate-data,omitempty"`
		Key      string `yaml:"client-key-data,omitempty"`
		CertFile string `yaml:"client-certificate,omitempty"` // instead of the two above
		KeyFile  string `yaml:"client-key,omitempty"`
		Token    string `yaml:"token,omitempty"` // instead of all of these
	} `yaml:"user"`
}

type namedContext struct {
	Name    string `yaml:"name"`
	Context struct {
		Cluster string `yaml:"cluster"`
		User    string `yaml:"user"`
	} `yaml:"context"`
}

// ParseKubeconfig reads the four fields of a kubeconfig of one cluster and one
// user, and checks them.
func ParseKubeconfig(data []byte) (Access, error) {
	a, _, err := readKubeconfig(data)
	if err != nil {
		return a, message.Errorf("reading a kubeconfig: %w", err)
	}
	return a, a.Check()
}

// Clusters lists the clusters of a kubeconfig: where each is, and its authority.
func Clusters(data []byte) ([]Access, error) {
	var k kubeconfig
	if err := yaml.Unmarshal(data, &k); err != nil {
		return nil, err
	}
	return k.clusters()
}

func (k kubeconfig) clusters() (all []Access, err error) {
	for _, c := range k.Clusters {
		ca, err := base64.StdEncoding.DecodeString(c.Cluster.CA)
		if err != nil {
			return nil, err
		}
		all = append(all, Access{Server: c.Cluster.Server, CA: ca})
	}
	return all, nil
}

// A pairFiles is where a client's certificate and key are in files of their own.
type pairFiles struct{ cert, key string }

// readKubeconfig reads a kubeconfig of one cluster and one user, whose certificate
// and key are in it, or in files.
func readKubeconfig(data []byte) (a Access, files pairFiles, err error) {
	var k kubeconfig
	if err := yaml.Unmarshal(data, &k); err != nil {
		return a, files, err
	}
	if len(k.Clusters) != 1 || len(k.Users) != 1 {
		return a, files, message.Errorf("it must have one cluster and one user, not %d and %d", len(k.Clusters), len(k.Users))
	}
	clusters, errCA := k.clusters()
	user := k.Users[0].User
	cert, errCert := base64.StdEncoding.DecodeString(user.Cert)
	key, errKey := base64.StdEncoding.DecodeString(user.Key)
	if err := cmp.Or(errCA, errCert, errKey); err != nil {
		return a, files, err
	}
	a = clusters[0]
	a.Cert, a.Key = cert, key
	return a, pairFiles{user.CertFile, user.KeyFile}, nil
}

// Check reports whether the fields are what they claim to be: an https URL
// and nothing but certificates and their key.
func (a Access) Check() error {
	server, err := url.Parse(a.Server)
	if err != nil || server.String() != "https://"+server.Host || node.CheckEndpoint(server.Host) != nil {
		return message.Errorf("the server %q is not an https address with a port", a.Server)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(a.CA) {
		return message.Errorf("the cluster's certificate authority is not a valid certificate")
	}
	if _, err := tls.X509KeyPair(a.Cert, a.Key); err != nil {
		return message.Errorf("the client's certificate and key: %w", err)
	}
	if _, rest := pem.Decode(a.Key); len(rest) > 0 {
		return message.Errorf("the file of the client's key contains more than the key")
	}
	return nil
}

// ourName is that of cluster and context in the kubeconfigs that we write.
const ourName = "podsec-k8s"

// Kubeconfig writes the administrator's kubeconfig of the fields. It is a secret.
func (a Access) Kubeconfig() ([]byte, error) { return a.kubeconfigFor(ourName, ourName) }

// UserKubeconfig writes a kubeconfig for a person. It differs from the
// administrator's in its names, so that it is never taken for one of these, which
// are made anew when the administrator's certificate is. It is a secret.
func (a Access) UserKubeconfig(user string) ([]byte, error) {
	return a.kubeconfigFor(user, user+"@"+ourName)
}

func (a Access) kubeconfigFor(user, context string) ([]byte, error) {
	k := a.named(user, context)
	k.Users[0].User.Cert = base64.StdEncoding.EncodeToString(a.Cert)
	k.Users[0].User.Key = base64.StdEncoding.EncodeToString(a.Key)
	return yaml.Marshal(k)
}

// BootstrapKubeconfig writes the kubeconfig by which a kubelet without a certificate
// asks for one. It is a secret. Source: the Kubernetes documentation, "TLS
// bootstrapping".
func (a Access) BootstrapKubeconfig(token string) ([]byte, error) {
	k := a.named("bootstrap", "bootstrap")
	k.Users[0].User.Token = token
	return yaml.Marshal(k)
}

// named has all of a kubeconfig but who asks.
func (a Access) named(user, context string) kubeconfig {
	k := kubeconfig{
		APIVersion: "v1", Kind: "Config", CurrentContext: context,
		Clusters: make([]namedCluster, 1), Users: make([]namedUser, 1), Contexts: make([]namedContext, 1),
	}
	k.Clusters[0].Name, k.Users[0].Name, k.Contexts[0].Name = ourName, user, context
	k.Clusters[0].Cluster.Server = a.Server
	k.Clusters[0].Cluster.CA = base64.StdEncoding.EncodeToString(a.CA)
	k.Contexts[0].Context.Cluster, k.Contexts[0].Context.User = ourName, user
	return k
}

// Host returns the name or address of the cluster's API, without its port.
func (a Access) Host() string {
	server, err := url.Parse(a.Server)
	if err != nil {
		return ""
	}
	return server.Hostname()
}

// Equal reports whether both are the same in every field.
func (a Access) Equal(b Access) bool {
	return a.Server == b.Server && a.SameCluster(b) && bytes.Equal(a.Cert, b.Cert) && bytes.Equal(a.Key, b.Key)
}

// SameCluster reports whether both are of one cluster, whoever asks there.
func (a Access) SameCluster(b Access) bool { return bytes.Equal(a.CA, b.CA) }

// livesTimeout is how long a cluster is looked for before it is taken for gone.
const livesTimeout = 3 * time.Second

// Lives reports whether the cluster is there: whether something answers at its
// address that its own certificate authority has certified. That a certificate
// has run out does not mean that the cluster is gone.
func (a Access) Lives(ctx context.Context) bool {
	server, err := url.Parse(a.Server)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, livesTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, //nolint:gosec // certifiedBy verifies, and nothing is sent
		VerifyConnection: func(s tls.ConnectionState) error { return certifiedBy(a.CA, s.PeerCertificates) },
	}}
	conn, err := dialer.DialContext(ctx, "tcp", server.Host)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// certifiedBy verifies a server's certificate against an authority, whatever the
// time and the name.
func certifiedBy(ca []byte, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return message.New("the server has no certificate")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, CurrentTime: chain[0].NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}

// pair returns the client's certificate and key, from files or from the
// kubeconfig itself.
func (a Access) pair(files pairFiles) (*tls.Certificate, error) {
	if files.cert != "" {
		pair, err := tls.LoadX509KeyPair(node.StateTarget(files.cert), node.StateTarget(files.key))
		return &pair, err
	}
	pair, err := tls.X509KeyPair(a.Cert, a.Key)
	return &pair, err
}
