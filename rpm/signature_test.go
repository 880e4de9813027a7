package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/cavaliergopher/rpm"
)

// standInSize is the bytes of what stands for the helper.
const standInSize = 1 << 20

// TestSignatureHeader has a package vouched for by what rpm 4.13 knows, all of
// it true, and by nothing else: a tag that it does not know is NOT OK to it.
func TestSignatureHeader(t *testing.T) {
	keyFile, public := newKey(t, packet.PubKeyAlgoRSA, "")
	standIn := filepath.Join(t.TempDir(), helper)
	if err := os.WriteFile(standIn, make([]byte, standInSize), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		sign bool
		want []int
	}{
		{"digests", false, []int{sigRegion, sigSHA1, sigSize, sigMD5, sigPayloadSize}},
		{"signed", true, []int{sigRegion, sigRSA, sigSHA1, sigSize, sigPGP, sigMD5, sigPayloadSize}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := testRequest(t, "1.26")
			if c.sign {
				var err error
				if r.Sign, err = readSigner(keyFile, ""); err != nil {
					t.Fatal(err)
				}
			}
			described, err := Describe(r)
			if err != nil {
				t.Fatal(err)
			}
			file, err := described.rpm(standIn)
			if err != nil {
				t.Fatal(err)
			}
			p, err := rpm.Read(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			var tags []int
			for tag := range p.Signature.Tags {
				tags = append(tags, tag)
			}
			slices.Sort(tags)
			if !slices.Equal(tags, c.want) {
				t.Errorf("tags %d, want %d", tags, c.want)
			}
			checkVouched(t, p, file)
			if c.sign {
				checkSigned(t, p, file, public)
			}
		})
	}
}

// parts cuts header, and header and payload, out of a package.
func parts(t *testing.T, file []byte) (header, whole []byte) {
	t.Helper()
	start, payload, err := starts(file)
	if err != nil {
		t.Fatal(err)
	}
	return file[start:payload], file[start:]
}

func checkVouched(t *testing.T, p *rpm.Package, file []byte) {
	t.Helper()
	header, whole := parts(t, file)
	short, all := sha1.Sum(header), md5.Sum(whole)
	if got := p.Signature.GetTag(sigSHA1).String(); got != hex.EncodeToString(short[:]) {
		t.Errorf("the header's SHA-1 is %q", got)
	}
	if got := p.Signature.GetTag(sigMD5).Bytes(); !bytes.Equal(got, all[:]) {
		t.Errorf("the MD5 is %x", got)
	}
	if got := p.Signature.GetTag(sigSize).Int64(); got != int64(len(whole)) {
		t.Errorf("the size is %d, want %d", got, len(whole))
	}
	if got := p.Signature.GetTag(sigPayloadSize).Int64(); got <= standInSize {
		t.Errorf("the payload has %d bytes", got)
	}
}

func checkSigned(t *testing.T, p *rpm.Package, file []byte, public openpgp.EntityList) {
	t.Helper()
	header, whole := parts(t, file)
	for tag, data := range map[int][]byte{sigRSA: header, sigPGP: whole} {
		signature := p.Signature.GetTag(tag).Bytes()
		if _, err := openpgp.CheckDetachedSignature(public, bytes.NewReader(data), bytes.NewReader(signature), nil); err != nil {
			t.Errorf("the signature %d: %v", tag, err)
		}
	}
}

// newKey makes a key, and writes its secret half to a file, armored.
func newKey(t *testing.T, algorithm packet.PublicKeyAlgorithm, passphrase string) (string, openpgp.EntityList) {
	t.Helper()
	config := &packet.Config{Algorithm: algorithm, RSABits: 2048}
	key, err := openpgp.NewEntity("tester", "", "tester@altlinux.org", config)
	if err != nil {
		t.Fatal(err)
	}
	if passphrase != "" {
		if err := key.EncryptPrivateKeys([]byte(passphrase), config); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	w, err := armor.Encode(&out, openpgp.PrivateKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.SerializePrivateWithoutSigning(w, config); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.asc")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, openpgp.EntityList{key}
}

func TestSigningKeys(t *testing.T) {
	rsa, _ := newKey(t, packet.PubKeyAlgoRSA, "")
	locked, _ := newKey(t, packet.PubKeyAlgoRSA, "secret")
	curve, _ := newKey(t, packet.PubKeyAlgoEdDSA, "")
	word := func(text string) string {
		path := filepath.Join(t.TempDir(), "word")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ name, key, passphrase, want string }{
		{"open", rsa, "", ""},
		{"locked", locked, word("secret\n"), ""},
		{"no passphrase", locked, "", "give --sign-passphrase FILE"},
		{"wrong passphrase", locked, word("guess"), "decrypting the key"},
		{"not RSA", curve, "", "is not an RSA key"},
		{"no key", word("text"), "", "reading the key"},
		{"no file", filepath.Join(t.TempDir(), "none"), "", "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sign, err := readSigner(c.key, c.passphrase)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if err == nil {
				if signature, err := sign([]byte("data")); err != nil || len(signature) < 256 {
					t.Errorf("%d bytes, %v", len(signature), err)
				}
			}
		})
	}
}
