package server

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"os"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// sealVersion is the first byte of a sealed secret.
const sealVersion = 1

// secretKeyBytesMin is the shortest key that is taken.
const secretKeyBytesMin = 16

// sealer encrypts the values of secrets with AES-256-GCM. What is sealed for one
// object does not open for another.
type sealer struct{ aead cipher.AEAD }

// newSealer takes the text of a key; empty: there is none, and secrets are refused.
func newSealer(key []byte) (*sealer, error) {
	key = bytes.TrimSpace(key)
	if len(key) == 0 {
		return &sealer{}, nil
	}
	if len(key) < secretKeyBytesMin {
		return nil, fmt.Errorf("the secret key must have at least %d bytes; for example: openssl rand -hex 32", secretKeyBytesMin)
	}
	sum := sha256.Sum256(append([]byte("tarn secret key 1\x00"), key...))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &sealer{aead}, err
}

// readSecretKey reads the key file, or the environment where none is named.
func readSecretKey(file string) ([]byte, error) {
	if file == "" {
		return []byte(os.Getenv("TARN_SECRET_KEY")), nil
	}
	key, err := os.ReadFile(file)
	if err == nil && len(bytes.TrimSpace(key)) == 0 {
		err = fmt.Errorf("%s is empty", file)
	}
	if err != nil {
		return nil, fmt.Errorf("--secret-key-file: %w", err)
	}
	return key, nil
}

func errNoKey() error {
	return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "the server has no key for secrets").
		WithHint("Start it with --secret-key-file FILE, or with the key in TARN_SECRET_KEY.")
}

// seal encrypts value for the object id.
func (s *sealer) seal(id uint64, value string) ([]byte, error) {
	if s.aead == nil {
		return nil, errNoKey()
	}
	out := make([]byte, 1+s.aead.NonceSize(), 1+s.aead.NonceSize()+len(value)+s.aead.Overhead())
	out[0] = sealVersion
	if _, err := rand.Read(out[1:]); err != nil {
		return nil, err
	}
	return s.aead.Seal(out, out[1:], []byte(value), sealedFor(id)), nil
}

// open is the inverse of seal; name is for errors.
func (s *sealer) open(id uint64, name string, sealed []byte) (string, error) {
	switch {
	case s.aead == nil:
		return "", errNoKey()
	case len(sealed) < 1+s.aead.NonceSize() || sealed[0] != sealVersion:
		return "", sqlerr.New(sqlerr.DataCorrupted, "secret %q is damaged", name)
	}
	nonce, text := sealed[1:1+s.aead.NonceSize()], sealed[1+s.aead.NonceSize():]
	value, err := s.aead.Open(nil, nonce, text, sealedFor(id))
	if err != nil {
		return "", sqlerr.New(sqlerr.InvalidAuthorization, "secret %q cannot be opened with the server's key", name).
			WithHint("Start the server with the key that it was made with, or DROP the secret and make it again.")
	}
	return string(value), nil
}

func sealedFor(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte("secret "), id) }

// passwords seals what an object's options say that is not to be shown, where there
// is a key. The object is not in the catalog yet.
func (s *sealer) passwords(o *catalog.Object) {
	if s.aead == nil || o == nil || o.Connector == nil {
		return
	}
	c := *o.Connector
	c.Options, c.Sealed = maps.Clone(c.Options), maps.Clone(c.Sealed)
	for key, value := range c.Options {
		if !confidential(key) {
			continue
		}
		sealed, err := s.seal(o.ID, value)
		if err != nil {
			return // it stays as it was written
		}
		if c.Sealed == nil {
			c.Sealed, c.SealedFor = map[string][]byte{}, o.ID
		}
		c.Sealed[key] = sealed
		delete(c.Options, key)
	}
	if len(c.Sealed) > len(o.Connector.Sealed) {
		o.Connector = &c
	}
}
