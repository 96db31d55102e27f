package proof

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	cosig "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Types of keys and signatures (c2sp.org/signed-note).
const (
	typeEd25519     = 0x01
	typeCosignature = 0x04
)

// MaxCheckpointBytes bounds a checkpoint with all its signatures.
const MaxCheckpointBytes = 16 << 10

// Checkpoint names a log, its size and the root of its tree.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   Hash
}

// Text is the body that is signed: three lines (c2sp.org/tlog-checkpoint).
func (c *Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// ParseCheckpoint reads the three lines. It takes no extension lines, no number
// or root that Text would write otherwise, and no origin that no note can have.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, errors.New("proof: a checkpoint has three lines: origin, size, root")
	}
	c := Checkpoint{Origin: lines[0]}
	if c.Origin == "" || !utf8.ValidString(c.Origin) || strings.ContainsFunc(c.Origin, func(r rune) bool { return r < ' ' }) {
		return c, fmt.Errorf("proof: the checkpoint's origin %q is no line of text", c.Origin)
	}
	var err error
	if c.Size, err = strconv.ParseUint(lines[1], 10, 64); err != nil {
		return c, fmt.Errorf("proof: the checkpoint's size %q is no number", lines[1])
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) {
		return c, fmt.Errorf("proof: the checkpoint's root %q is no hash", lines[2])
	}
	if copy(c.Root[:], root); c.Text() != text {
		return c, errors.New("proof: the checkpoint is not written as it must be")
	}
	return c, nil
}

// CheckOrigin refuses what cannot name a log or a key: it is a line, without
// spaces and plus signs.
func CheckOrigin(name string) error {
	if name == "" || len(name) > 200 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '+' || r > '~' }) {
		return fmt.Errorf("proof: %q is no name of a log: use something like register.example/chain, without spaces and plus signs", name)
	}
	return nil
}

// CosignerName is the key name of a validator of a log.
func CosignerName(origin, validator string) string { return origin + "/" + validator }

// OriginVKey and CosignerVKey are public keys in the form of signed-note.
func OriginVKey(origin string, key ed25519.PublicKey) string {
	return vkey(origin, typeEd25519, key)
}

// CosignerVKey is OriginVKey for a key of cosignatures.
func CosignerVKey(name string, key ed25519.PublicKey) string {
	return vkey(name, typeCosignature, key)
}

func vkey(name string, kind byte, key ed25519.PublicKey) string {
	return fmt.Sprintf("%s+%08x+%s", name, keyID(name, kind, key), base64.StdEncoding.EncodeToString(append([]byte{kind}, key...)))
}

// keyID is the beginning of SHA-256(name ‖ newline ‖ type ‖ key).
func keyID(name string, kind byte, key ed25519.PublicKey) uint32 {
	h := sha256.Sum256(append([]byte(name+"\n"+string([]byte{kind})), key...))
	return binary.BigEndian.Uint32(h[:])
}

// signer makes one signature line.
type signer struct {
	name string
	id   uint32
	sign func(text []byte) []byte
}

func (s signer) Name() string                         { return s.name }
func (s signer) KeyHash() uint32                      { return s.id }
func (s signer) Sign(text []byte) ([]byte, error)     { return s.sign(text), nil }
func (s signer) line(text string) ([]byte, error)     { return signLine(text, s) }
func publicOf(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// signLine is the line of one signature, with its newline.
func signLine(text string, s note.Signer) ([]byte, error) {
	b, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		return nil, fmt.Errorf("proof: sign: %w", err)
	}
	return b[len(text)+1:], nil
}

// SignOrigin is the log's own signature line. Ed25519 is deterministic: the same
// checkpoint has the same line.
func (c *Checkpoint) SignOrigin(key ed25519.PrivateKey) ([]byte, error) {
	s := signer{c.Origin, keyID(c.Origin, typeEd25519, publicOf(key)), func(text []byte) []byte { return ed25519.Sign(key, text) }}
	return s.line(c.Text())
}

// Cosign is a cosigner's signature line, which says that it saw the checkpoint
// at unix seconds and has seen no other history (c2sp.org/tlog-cosignature).
func (c *Checkpoint) Cosign(name string, key ed25519.PrivateKey, unix uint64) ([]byte, error) {
	s := signer{name, keyID(name, typeCosignature, publicOf(key)), func(text []byte) []byte {
		message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", unix, text)
		return append(binary.BigEndian.AppendUint64(nil, unix), ed25519.Sign(key, []byte(message))...)
	}}
	return s.line(c.Text())
}

// Note puts a checkpoint and signature lines together.
func (c *Checkpoint) Note(lines ...[]byte) []byte {
	return append([]byte(c.Text()+"\n"), bytes.Join(lines, nil)...)
}

// Cosignature is one that holds.
type Cosignature struct {
	Name string
	// Unix seconds at which the cosigner saw the checkpoint.
	Unix uint64
	Line []byte
	id   uint32 // of the key
}

// VerifyCosignature finds a key's signature among lines over a checkpoint, and
// ignores those of strangers: a witness may answer with more than its own.
func (c *Checkpoint) VerifyCosignature(lines []byte, vkey string) (Cosignature, error) {
	v, _, err := cosigner(vkey)
	if err != nil {
		return Cosignature{}, fmt.Errorf("proof: the key %q: %w", vkey, err)
	}
	n, err := note.Open(c.Note(lines), newOnce([]note.Verifier{v}))
	if err == nil && n.Text != c.Text() { // an empty line ends the text
		err = errors.New("something stands before the signatures")
	}
	if err != nil {
		return Cosignature{}, fmt.Errorf("proof: a cosignature of %s that does not hold: %w", v.Name(), err)
	}
	return cosignature(n.Sigs[0])
}

// cosigner reads a key of cosignatures, and gives its bytes as well. The library
// takes keys of the log's type, any id, and newlines.
func cosigner(text string) (v note.Verifier, key string, err error) {
	if v, err = cosig.NewVerifierForCosignatureV1(text); err != nil {
		return nil, "", err
	}
	kind, raw, ok := plain(text)
	if !ok || kind == typeEd25519 {
		return nil, "", fmt.Errorf("the key of %s is none of cosignatures, or has another id", v.Name())
	}
	return v, string(raw), nil
}

// plain takes a key apart that is written as vkey does.
func plain(text string) (kind byte, key []byte, ok bool) {
	name, rest, _ := strings.Cut(text, "+")
	_, rest, _ = strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(rest)
	if err != nil || len(raw) == 0 || vkey(name, raw[0], raw[1:]) != text {
		return 0, nil, false
	}
	return raw[0], raw[1:], true
}

// cosignature reads one that holds.
func cosignature(s note.Signature) (Cosignature, error) {
	if err := strict(s); err != nil {
		return Cosignature{}, err
	}
	at, err := cosig.CoSigV1Timestamp(s)
	if err != nil {
		return Cosignature{}, fmt.Errorf("proof: a cosignature of %s: %w", s.Name, err)
	}
	if at.Unix() < 0 { // 2^63 and more, c2sp.org/tlog-cosignature
		return Cosignature{}, fmt.Errorf("proof: a cosignature of %s at no time there is", s.Name)
	}
	return Cosignature{Name: s.Name, Unix: uint64(at.Unix()), Line: []byte("— " + s.Name + " " + s.Base64 + "\n"), id: s.Hash}, nil
}

// strict refuses a second way to write a signature.
func strict(s note.Signature) error {
	if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
		return fmt.Errorf("proof: the signature of %s is not written as it must be: %w", s.Name, err)
	}
	return nil
}

// once is a list of keys that sign at most once: note.Open passes over a second
// signature of a key without a look at it.
type once struct {
	note.Verifiers
	seen map[keyName]bool
}

type keyName struct {
	name string
	id   uint32
}

func newOnce(all []note.Verifier) once {
	return once{note.VerifierList(all...), map[keyName]bool{}}
}

// Verifier is what note.Open asks for each signature.
func (o once) Verifier(name string, id uint32) (note.Verifier, error) {
	v, err := o.Verifiers.Verifier(name, id)
	if err == nil && o.seen[keyName{name, id}] {
		return nil, fmt.Errorf("two signatures by one key of %s", name)
	}
	o.seen[keyName{name, id}] = true
	return v, err
}
