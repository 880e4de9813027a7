package scenarios

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

// stateRoot is where a node has all of its certificates.
const stateRoot = "/var/lib/u7s-admin/state/root"

// endAll signs the certificates of a node again, by the keys of its own cluster, so
// that they end at another time. Nodes have the machine's clock, which no test may
// move: so it is the certificates that move. authority is a control plane of the
// cluster.
func (m *machine) endAll(authority *machine, ends time.Time) {
	m.t.Helper()
	signers := map[string]tls.Certificate{}
	for name, path := range map[string]string{"kubernetes": "ca", "etcd-ca": "etcd/ca", "front-proxy-ca": "front-proxy-ca"} {
		base := stateRoot + "/etc/kubernetes/pki/" + path
		signer, err := tls.X509KeyPair([]byte(authority.run("cat "+base+".crt")), []byte(authority.run("cat "+base+".key")))
		if err != nil {
			m.t.Fatal(err)
		}
		signers[name] = signer
	}
	packed, err := base64.StdEncoding.DecodeString(m.run("tar -C " + stateRoot + " -cz etc/kubernetes var/lib/kubelet/pki | base64 -w0"))
	if err != nil {
		m.t.Fatal(err)
	}
	again := resigned(m.t, packed, func(old *x509.Certificate) []byte {
		signer, known := signers[old.Issuer.CommonName]
		if !known { // the kubelet's own, whose authority nobody has
			signer = signers["kubernetes"]
		}
		old.NotBefore, old.NotAfter, old.SignatureAlgorithm = ends.Add(-365*24*time.Hour), ends, 0
		der, err := x509.CreateCertificate(rand.Reader, old, signer.Leaf, old.PublicKey, signer.PrivateKey)
		if err != nil {
			m.t.Fatal(err)
		}
		return der
	})
	if err := m.Exec(m.t.Context(), "tar -C "+stateRoot+" -xzp", again, nil, nil); err != nil {
		m.t.Fatal(err)
	}
}

// resigned is an archive with other certificates.
func resigned(t testing.TB, packed []byte, sign func(*x509.Certificate) []byte) io.Reader {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	from, to := tar.NewReader(unzipped), tar.NewWriter(zipped)
	for {
		header, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		data = withCertificates(t, header.Name, data, sign)
		header.Size = int64(len(data))
		if err := to.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(to.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return &out
}

var embedded = regexp.MustCompile(`client-certificate-data: (\S+)`)

// withCertificates is a file with other certificates, but for those of authorities.
func withCertificates(t testing.TB, name string, data []byte, sign func(*x509.Certificate) []byte) []byte {
	t.Helper()
	again := func(text []byte) (all []byte) {
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if block.Type == "CERTIFICATE" {
				cert, err := x509.ParseCertificate(block.Bytes)
				if err != nil {
					t.Fatal(err)
				}
				if !cert.IsCA {
					block.Bytes = sign(cert)
				}
			}
			all = append(all, pem.EncodeToMemory(block)...)
		}
		return all
	}
	switch {
	case strings.HasSuffix(name, ".crt"), strings.HasSuffix(name, ".pem") && len(data) > 0:
		return again(data)
	case strings.HasSuffix(name, ".conf"):
		return embedded.ReplaceAllFunc(data, func(found []byte) []byte {
			text, err := base64.StdEncoding.DecodeString(string(embedded.FindSubmatch(found)[1]))
			if err != nil {
				t.Fatal(err)
			}
			return []byte("client-certificate-data: " + base64.StdEncoding.EncodeToString(again(text)))
		})
	}
	return data
}
