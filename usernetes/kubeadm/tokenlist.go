package kubeadm

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A ListedToken is a bootstrap token that is good. It is a secret.
type ListedToken struct {
	Token       string    `json:"token"`
	Description string    `json:"description,omitempty"`
	Expires     time.Time `json:"expires,omitzero"` // zero: never
	Usages      []string  `json:"usages"`
	Groups      []string  `json:"groups"`
}

// ParseTokens reads what kubeadm token list prints as JSON: an object for each
// token. Source: the module k8s.io/kubernetes,
// cmd/kubeadm/app/apis/output/v1alpha3.
func ParseTokens(out string) (tokens []ListedToken, err error) {
	d := json.NewDecoder(strings.NewReader(out))
	for {
		var t ListedToken
		if err := d.Decode(&t); errors.Is(err, io.EOF) {
			return tokens, nil
		} else if err != nil {
			return nil, message.Errorf("reading kubeadm's list of tokens: %w", err)
		}
		tokens = append(tokens, t)
	}
}
