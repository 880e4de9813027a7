package people

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

const (
	requests    = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
	signer      = "kubernetes.io/kube-apiserver-client"
	userLabel   = "podsec-k8s/user" // of all that is made for a user, with its name
	signTimeout = time.Minute       // how long the controller manager may take
)

// ofUser selects what was made for a user.
func ofUser(name string) string {
	return "?labelSelector=" + url.QueryEscape(userLabel+"="+name)
}

// Sign has the cluster sign a request, and records that. A request that a run which
// was cut has left is deleted first: nobody has its key any more.
// Source: the Kubernetes API reference, CertificateSigningRequest v1.
func Sign(ctx context.Context, api *kubeapi.Client, r Request) (cert []byte, err error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	rec, err := readRecord(ctx, api)
	if err != nil {
		return nil, err
	}
	u, _, err := rec.user(r.Name)
	if err != nil {
		return nil, err
	}
	if err := u.Barred(); err != nil {
		return nil, err
	}
	if err := api.Send(ctx, http.MethodDelete, requests+ofUser(r.Name), "", nil); err != nil {
		return nil, err
	}
	if cert, err = r.sign(ctx, api); err != nil {
		return nil, message.Errorf("signing the certificate: %w", err)
	}
	until, err := validUntil(cert)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	_, err = change(ctx, api, r.Name, func(u *User, _ bool) error {
		if err := u.Barred(); err != nil { // meanwhile
			return err
		}
		ended := func(c Certificate) bool { return c.Until.Before(now) }
		u.Certificates = append(slices.DeleteFunc(u.Certificates, ended), Certificate{r.Groups, now, until})
		return nil
	})
	return cert, err
}

// check looks at a request as root has made it: its certificate request has to be for
// the same name and groups.
func (r Request) check() error {
	block, _ := pem.Decode(r.CSR)
	if block == nil {
		return message.New("it is not a certificate request")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	if csr.Subject.CommonName != r.Name || !slices.Equal(csr.Subject.Organization, r.Groups) {
		return message.New("the certificate request is for another user")
	}
	return nil
}

// sign makes the request in the cluster, approves it, and waits for the certificate.
// The request is deleted in any case.
func (r Request) sign(ctx context.Context, api *kubeapi.Client) (cert []byte, err error) {
	var made signing
	err = api.Post(ctx, requests, document.Document{
		"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
		"metadata": document.Document{"generateName": "podsec-k8s-" + r.Name + "-", "labels": document.Document{userLabel: r.Name}},
		"spec":     document.Document{"request": r.CSR, "signerName": signer, "usages": []string{"client auth"}, "expirationSeconds": r.Seconds},
	}, &made)
	if err != nil {
		return nil, err
	}
	path := requests + "/" + url.PathEscape(made.Metadata.Name)
	defer func() {
		deleted := api.Send(context.WithoutCancel(ctx), http.MethodDelete, path, "", nil)
		if err == nil {
			err = deleted
		}
	}()
	approval := document.Document{
		"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
		"metadata": document.Document{"name": made.Metadata.Name},
		"status": document.Document{"conditions": []any{document.Document{
			"type": "Approved", "status": "True", "reason": "PodsecK8sUser", "message": "podsec-k8s user create",
		}}},
	}
	if err := api.Send(ctx, http.MethodPatch, path+"/approval", "application/merge-patch+json", approval); err != nil {
		return nil, err
	}
	err = wait.Until(ctx, signTimeout, func() (err error) {
		cert, err = signed(ctx, api, path)
		return err
	})
	return cert, err
}

// A signing is a CertificateSigningRequest.
type signing struct {
	Metadata kubeapi.Metadata
	Status   struct {
		Certificate []byte
		Conditions  []struct{ Type, Reason, Message string }
	}
}

// signed reads the certificate once there is one.
func signed(ctx context.Context, api *kubeapi.Client, path string) ([]byte, error) {
	var s signing
	if err := api.Get(ctx, path, &s); err != nil {
		return nil, err
	}
	for _, c := range s.Status.Conditions {
		if c.Type != "Approved" {
			return nil, wait.Final{Err: message.Errorf("the cluster refused the certificate: %s", host.Printable(c.Type+" "+c.Reason+" "+c.Message))}
		}
	}
	if len(s.Status.Certificate) == 0 {
		return nil, host.NewFault("see podsec-k8s status", "the controller manager has not signed the certificate yet")
	}
	return s.Status.Certificate, nil
}
