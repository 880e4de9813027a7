package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// readSigner reads a secret key, armored or not, and the passphrase file of
// an encrypted one. rpm 4.13 knows RSA, and signatures of primary keys.
func readSigner(keyFile, passphraseFile string) (Signer, error) {
	data, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(data))
	if err != nil {
		keys, err = openpgp.ReadKeyRing(bytes.NewReader(data))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key %q: %w", keyFile, err)
	}
	if len(keys) != 1 || keys[0].PrivateKey == nil {
		return nil, fmt.Errorf("%q does not hold one secret key: export it with gpg --export-secret-keys --armor KEY", keyFile)
	}
	key := keys[0]
	if algo := key.PrimaryKey.PubKeyAlgo; algo != packet.PubKeyAlgoRSA && algo != packet.PubKeyAlgoRSASignOnly {
		return nil, fmt.Errorf("the key in %q is not an RSA key, which is what ALT's rpm 4.13 knows", keyFile)
	}
	if err := unlock(key, passphraseFile); err != nil {
		return nil, err
	}
	return func(data []byte) ([]byte, error) { return detached(key, data) }, nil
}

func unlock(key *openpgp.Entity, passphraseFile string) error {
	if !key.PrivateKey.Encrypted {
		return nil
	}
	if passphraseFile == "" {
		return errors.New("the key is encrypted: give --sign-passphrase FILE")
	}
	passphrase, err := os.ReadFile(passphraseFile)
	if err != nil {
		return fmt.Errorf("reading the key's passphrase: %w", err)
	}
	if err := key.PrivateKey.Decrypt(bytes.TrimRight(passphrase, "\r\n")); err != nil {
		return fmt.Errorf("decrypting the key: %w", err)
	}
	return nil
}

func detached(key *openpgp.Entity, data []byte) ([]byte, error) {
	var out bytes.Buffer
	err := openpgp.DetachSign(&out, key, bytes.NewReader(data), &packet.Config{SigningKeyId: key.PrimaryKey.KeyId})
	return out.Bytes(), err
}
