package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

const (
	testOrigin = "register.example/chain"
	testTime   = 1_704_153_600
)

// testKey is the key whose seed is SHA-256 of the name.
func testKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// testVKey is the key of a validator of the log, which has the validator's name.
func testVKey(validator string) string {
	return CosignerVKey(CosignerName(testOrigin, validator), publicOf(testKey(validator)))
}

func testVKeys(validators ...string) (all []string) {
	for _, v := range validators {
		all = append(all, testVKey(v))
	}
	return all
}

func testLogVKey() string { return OriginVKey(testOrigin, publicOf(testKey("log"))) }

// testPolicy asks for k of the validators.
func testPolicy(t testing.TB, k int, validators ...string) *Policy {
	t.Helper()
	return parsePolicy(t, WritePolicy(testLogVKey(), validators, testVKeys(validators...), k))
}

func parsePolicy(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := ParsePolicy(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return p
}

func testCheckpoint() *Checkpoint {
	return &Checkpoint{Origin: testOrigin, Size: 300, Root: definition{}.root(0, 300)}
}

// must is for what never fails in a test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func originLine(c *Checkpoint) []byte { return must(c.SignOrigin(testKey("log"))) }

func cosignLine(c *Checkpoint, validator string) []byte {
	return must(c.Cosign(CosignerName(c.Origin, validator), testKey(validator), testTime))
}

// signed is a checkpoint with the log's signature and those of validators.
func signed(c *Checkpoint, validators ...string) []byte {
	lines := [][]byte{originLine(c)}
	for _, v := range validators {
		lines = append(lines, cosignLine(c, v))
	}
	return c.Note(lines...)
}

// lineByHand writes a signature line as c2sp.org/signed-note and
// c2sp.org/tlog-cosignature say, with nothing of the package's.
func lineByHand(kind byte, name string, key ed25519.PrivateKey, unix uint64, text string) []byte {
	var sig []byte
	if kind == 4 {
		sig = binary.BigEndian.AppendUint64(nil, unix)
		text = fmt.Sprintf("cosignature/v1\ntime %d\n%s", unix, text)
	}
	sig = append(sig, ed25519.Sign(key, []byte(text))...)
	id := sha256.Sum256(append([]byte(name+"\n"+string(rune(kind))), key[32:]...))
	return []byte("— " + name + " " + base64.StdEncoding.EncodeToString(append(id[:4], sig...)) + "\n")
}

// otherForm is a signature line with an unused bit of its base64 set: the bytes
// are the same.
func otherForm(line []byte) []byte {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	text := strings.TrimRight(string(line), "=\n")
	last := len(text) - 1
	return []byte(text[:last] + digits[strings.IndexByte(digits, text[last])|1:][:1] + string(line[len(text):]))
}

// refused fails the test where there is no error, or one that does not say why
// on one line.
func refused(t testing.TB, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v; want an error with %q", what, err, want)
	}
}
