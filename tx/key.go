package tx

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/emmansun/gmsm/sm2"
	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// sm2UserID is the identity that enters every SM2 signature (GM/T 0009-2012).
var sm2UserID = []byte("1234567812345678")

const (
	ed25519KeyBytes = 32
	sm2KeyBytes     = 33
	secretBytes     = 32
	signatureBytes  = 64
)

// PrivateKey signs in one of the two schemes. The zero value cannot.
type PrivateKey struct {
	public  PublicKey
	secret  []byte
	ed25519 ed25519.PrivateKey
	sm2     *sm2.PrivateKey
}

// GenerateKey makes a key from 32 random bytes of r.
func GenerateKey(scheme KeyScheme, r io.Reader) (PrivateKey, error) {
	secret := make([]byte, secretBytes)
	for {
		if _, err := io.ReadFull(r, secret); err != nil {
			return PrivateKey{}, fmt.Errorf("tx: read randomness: %w", err)
		}
		// A scalar of SM2 must lie below the group order: all but 2^-32 do.
		key, err := NewPrivateKey(scheme, secret)
		if !errors.Is(err, errScalarRange) {
			return key, err
		}
	}
}

var errScalarRange = errors.New("tx: the secret is not a scalar of SM2")

// NewPrivateKey takes a 32-byte secret: the seed of Ed25519 or the scalar of
// SM2, big endian. It keeps a copy.
func NewPrivateKey(scheme KeyScheme, secret []byte) (PrivateKey, error) {
	if len(secret) != secretBytes {
		return PrivateKey{}, fmt.Errorf("tx: a secret has %d bytes, not %d", secretBytes, len(secret))
	}
	k := PrivateKey{secret: bytes.Clone(secret), public: PublicKey{Scheme: scheme}}
	switch scheme {
	case Ed25519:
		k.ed25519 = ed25519.NewKeyFromSeed(secret)
		k.public.Key = bytes.Clone(k.ed25519[secretBytes:])
	case SM2:
		d := new(big.Int).SetBytes(secret)
		order := new(big.Int).Sub(sm2.P256().Params().N, big.NewInt(1))
		if d.Sign() == 0 || d.Cmp(order) >= 0 {
			return PrivateKey{}, errScalarRange
		}
		k.sm2 = new(sm2.PrivateKey)
		k.sm2.Curve, k.sm2.D = sm2.P256(), d
		//lint:ignore SA1019 crypto/ecdh, which replaces it, does not know SM2's curve.
		k.sm2.X, k.sm2.Y = sm2.P256().ScalarBaseMult(secret)
		k.public.Key = elliptic.MarshalCompressed(sm2.P256(), k.sm2.X, k.sm2.Y)
	default:
		return PrivateKey{}, fmt.Errorf("tx: unknown key scheme %d", scheme)
	}
	return k, nil
}

// Scheme of the key.
func (k PrivateKey) Scheme() KeyScheme { return k.public.Scheme }

// Secret is a copy of the 32 bytes that NewPrivateKey takes.
func (k PrivateKey) Secret() []byte { return bytes.Clone(k.secret) }

// Public is the public half.
func (k PrivateKey) Public() PublicKey { return k.public }

// Sign signs a message of at most any length; the result has 64 bytes. Callers
// outside this package put a domain-tagged message together with AttestMessage
// or use NewTransaction, NewOrder and ProveKey.
func (k PrivateKey) Sign(message []byte) ([]byte, error) {
	switch k.public.Scheme {
	case Ed25519:
		return ed25519.Sign(k.ed25519, message), nil
	case SM2:
		r, s, err := sm2.SignWithSM2(rand.Reader, &k.sm2.PrivateKey, sm2UserID, message)
		if err != nil {
			return nil, fmt.Errorf("tx: sign with SM2: %w", err)
		}
		sig := make([]byte, signatureBytes)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return sig, nil
	}
	return nil, errors.New("tx: an empty key cannot sign")
}

// String is the scheme and the key in hexadecimal: "ed25519:…" or "sm2:…".
func (m PublicKey) String() string { return schemeName(m.Scheme) + ":" + hex.EncodeToString(m.Key) }

func schemeName(s KeyScheme) string {
	switch s {
	case Ed25519:
		return "ed25519"
	case SM2:
		return "sm2"
	}
	return fmt.Sprintf("scheme%d", s)
}

// ParseScheme reads "ed25519" or "sm2".
func ParseScheme(s string) (KeyScheme, error) {
	switch s {
	case "ed25519":
		return Ed25519, nil
	case "sm2":
		return SM2, nil
	}
	return 0, fmt.Errorf("%q is no key scheme: use ed25519 or sm2", s)
}

// ParsePublicKey reads what String shows and validates the key.
func ParsePublicKey(s string) (PublicKey, error) {
	name, digits, _ := strings.Cut(s, ":")
	scheme, err := ParseScheme(name)
	if err != nil {
		return PublicKey{}, err
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%q is no public key: %w", s, err)
	}
	p := PublicKey{Scheme: scheme, Key: b}
	if err := p.Validate(); err != nil {
		return PublicKey{}, fmt.Errorf("%q: %w", s, err)
	}
	return p, nil
}

// Validate accepts a key only if it is canonical and not of small order: under
// ZIP-215 one fixed signature of a small-order key fits every message.
func (m PublicKey) Validate() error {
	switch m.Scheme {
	case Ed25519:
		var c curve.CompressedEdwardsY
		var point curve.EdwardsPoint
		if _, err := c.SetBytes(m.Key); err != nil {
			return fmt.Errorf("an Ed25519 key has %d bytes, not %d", ed25519KeyBytes, len(m.Key))
		}
		if _, err := point.SetCompressedY(&c); err != nil || !c.IsCanonicalVartime() {
			return errors.New("not the canonical encoding of a point of Ed25519")
		}
		if point.IsSmallOrder() {
			return errors.New("an Ed25519 key of small order, which would fit every message")
		}
		return nil
	case SM2:
		if _, err := sm2Point(m.Key); err != nil {
			return err
		}
		return nil
	}
	return fmt.Errorf("unknown key scheme %d", m.Scheme)
}

func sm2Point(compressed []byte) (*ecdsa.PublicKey, error) {
	if len(compressed) != sm2KeyBytes {
		return nil, fmt.Errorf("an SM2 key has %d bytes (compressed), not %d", sm2KeyBytes, len(compressed))
	}
	x, y := elliptic.UnmarshalCompressed(sm2.P256(), compressed)
	if x == nil {
		return nil, errors.New("not a point of SM2")
	}
	//lint:ignore SA1019 ecdsa.ParseUncompressedPublicKey, which replaces it, does not know SM2's curve.
	return &ecdsa.PublicKey{Curve: sm2.P256(), X: x, Y: y}, nil
}

func verifySM2(key, message, sig []byte) bool {
	public, err := sm2Point(key)
	if err != nil || len(sig) != signatureBytes {
		return false
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	return sm2.VerifyWithSM2(public, sm2UserID, message, r, s)
}
