// Command registry is a registry of images for scenarios: what is pushed stays
// in memory. It can ask for a login, and serve TLS by a certificate authority
// of its own.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listen := flag.String("listen", ":5000", "address and port")
	name := flag.String("tls", "", "serve TLS by a certificate of this `NAME`")
	ca := flag.String("ca", "", "write the certificate of the authority to this `FILE`")
	login := flag.String("login", "", "ask for this `USER:PASSWORD`")
	flag.Parse()
	if err := serve(*listen, *name, *ca, *login); err != nil {
		log.Fatal(err)
	}
}

func serve(listen, name, ca, login string) error {
	server := &http.Server{Addr: listen, Handler: asking(login, registry.New()), ReadHeaderTimeout: 10 * time.Second}
	if name == "" {
		return server.ListenAndServe()
	}
	certificate, authority, err := issue(name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(ca, authority, 0o644); err != nil {
		return err
	}
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return server.ListenAndServeTLS("", "")
}

// asking lets only requests with the login through, if there is one.
func asking(login string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if login != "" && user+":"+password != login {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// issue makes a certificate authority, and a certificate of it for one name.
func issue(name string) (certificate tls.Certificate, authority []byte, err error) {
	parent := template("tests", 1)
	parent.IsCA, parent.BasicConstraintsValid, parent.KeyUsage = true, true, x509.KeyUsageCertSign
	parentKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificate, nil, err
	}
	root, err := x509.CreateCertificate(rand.Reader, parent, parent, parentKey.Public(), parentKey)
	if err != nil {
		return certificate, nil, err
	}
	own := template(name, 2)
	own.DNSNames = []string{name}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificate, nil, err
	}
	leaf, err := x509.CreateCertificate(rand.Reader, own, parent, key.Public(), parentKey)
	if err != nil {
		return certificate, nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}), nil
}

func template(name string, number int64) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
}
