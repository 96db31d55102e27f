package keyfile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"carbonledger/tx"
	"carbonledger/tx/durable"

	"filippo.io/age"
	"filippo.io/age/armor"
)

var (
	// ErrPassphrase: the passphrase does not open the key.
	ErrPassphrase = errors.New("the passphrase does not open this key")
	// ErrNoKey: the file holds no key in this form.
	ErrNoKey = errors.New("this is no carbonledger key file")
)

const (
	firstLine       = "carbonledger key v1"
	publicField     = "public: "
	protectedField  = "protected: "
	byPassphrase    = "passphrase"
	notAtAll        = "no"
	keyMode         = 0o600
	maxFileBytes    = 16 << 10
	maxWorkFactor   = 22
	usualWorkFactor = 18
)

// Options of Write.
type Options struct {
	// Unprotected writes the key without a passphrase: for tests and demos.
	Unprotected bool
	// WorkFactor is scrypt's log2 N; 0 means 18, about a second to open.
	WorkFactor int
}

// Write stores a key in a new file, and returns after it is on the disk. It
// never overwrites. A crash right here leaves no file, a whole one, or the
// beginning of one, which Read refuses with ErrNoKey and which is to be removed.
func Write(path string, key tx.PrivateKey, passphrase string, o Options) error {
	content, err := encode(key, passphrase, o)
	if err != nil {
		return fmt.Errorf("keyfile: %s: %w", path, err)
	}
	return writeNew(path, content)
}

// Replace stores a key over an existing file in one rename: its readers see the
// old file or the new one, whole.
func Replace(path string, key tx.PrivateKey, passphrase string, o Options) error {
	content, err := encode(key, passphrase, o)
	if err != nil {
		return fmt.Errorf("keyfile: %s: %w", path, err)
	}
	if err := durable.Replace(path, content, keyMode); err != nil {
		return fmt.Errorf("keyfile: %w", err)
	}
	return nil
}

func encode(key tx.PrivateKey, passphrase string, o Options) ([]byte, error) {
	var b bytes.Buffer
	secret := hex.EncodeToString(key.Secret()) + "\n"
	public := key.Public().String()
	if o.Unprotected {
		if passphrase != "" {
			return nil, errors.New("a passphrase is given for a key that is to be written without one")
		}
		fmt.Fprintf(&b, "%s\n%s%s\n%s%s\n%s", firstLine, publicField, public, protectedField, notAtAll, secret)
		return b.Bytes(), nil
	}
	if passphrase == "" {
		return nil, errors.New("a key needs a passphrase")
	}
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	if o.WorkFactor == 0 {
		o.WorkFactor = usualWorkFactor
	}
	if o.WorkFactor < 1 || o.WorkFactor > maxWorkFactor {
		return nil, fmt.Errorf("a work factor of %d: use 1 to %d; Read would refuse the key", o.WorkFactor, maxWorkFactor)
	}
	recipient.SetWorkFactor(o.WorkFactor)
	fmt.Fprintf(&b, "%s\n%s%s\n%s%s\n", firstLine, publicField, public, protectedField, byPassphrase)
	armored := armor.NewWriter(&b)
	w, err := age.Encrypt(armored, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, secret); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := armored.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writeNew(path string, content []byte) error {
	err := durable.Create(path, content, keyMode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keyfile: %s exists: a key is never overwritten; choose another name", path)
	}
	if err != nil {
		return fmt.Errorf("keyfile: %w", err)
	}
	return nil
}

// file is a key file's readable part and its rest.
type file struct {
	public    tx.PublicKey
	protected bool
	rest      string
}

func open(path string) (file, error) {
	var f file
	info, err := os.Stat(path)
	if err != nil {
		return f, fmt.Errorf("keyfile: %w", err)
	}
	if info.Size() > maxFileBytes || !info.Mode().IsRegular() {
		return f, fmt.Errorf("keyfile: %s: %w", path, ErrNoKey)
	}
	if open := info.Mode().Perm() &^ keyMode; open != 0 {
		return f, fmt.Errorf("keyfile: %s can be read by others (mode %04o): run chmod 600 %s", path, info.Mode().Perm(), path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return f, fmt.Errorf("keyfile: %w", err)
	}
	lines := strings.SplitN(string(content), "\n", 4)
	if len(lines) != 4 || lines[0] != firstLine {
		return f, fmt.Errorf("keyfile: %s: %w", path, ErrNoKey)
	}
	public, ok1 := strings.CutPrefix(lines[1], publicField)
	protected, ok2 := strings.CutPrefix(lines[2], protectedField)
	if !ok1 || !ok2 || protected != byPassphrase && protected != notAtAll {
		return f, fmt.Errorf("keyfile: %s: %w", path, ErrNoKey)
	}
	if f.public, err = tx.ParsePublicKey(public); err != nil {
		return f, fmt.Errorf("keyfile: %s: %w", path, err)
	}
	f.protected, f.rest = protected == byPassphrase, lines[3]
	return f, nil
}

// ReadPublic reads the public key without a passphrase.
func ReadPublic(path string) (tx.PublicKey, error) {
	f, err := open(path)
	return f.public, err
}

// Protected reports whether the file needs a passphrase.
func Protected(path string) (bool, error) {
	f, err := open(path)
	return f.protected, err
}

// Read opens a key. The passphrase of an unprotected one is not looked at.
func Read(path, passphrase string) (tx.PrivateKey, error) {
	f, err := open(path)
	if err != nil {
		return tx.PrivateKey{}, err
	}
	secret := f.rest
	if f.protected {
		if secret, err = decrypt(f.rest, passphrase); err != nil {
			return tx.PrivateKey{}, fmt.Errorf("keyfile: %s: %w", path, err)
		}
	}
	raw, err := hex.DecodeString(strings.TrimSpace(secret))
	if err != nil {
		return tx.PrivateKey{}, fmt.Errorf("keyfile: %s: %w", path, ErrNoKey)
	}
	key, err := tx.NewPrivateKey(f.public.Scheme, raw)
	if err != nil {
		return tx.PrivateKey{}, fmt.Errorf("keyfile: %s: %w", path, err)
	}
	if public := key.Public(); !public.Equal(&f.public) {
		return tx.PrivateKey{}, fmt.Errorf("keyfile: %s: its public line does not belong to its key: %w", path, ErrNoKey)
	}
	return key, nil
}

func decrypt(armored, passphrase string) (string, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return "", ErrPassphrase
	}
	identity.SetMaxWorkFactor(maxWorkFactor)
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(armored)), identity)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return "", ErrPassphrase
	}
	if err != nil {
		return "", fmt.Errorf("%w (%w)", ErrNoKey, err)
	}
	secret, err := io.ReadAll(io.LimitReader(r, maxFileBytes))
	if err != nil {
		return "", fmt.Errorf("%w (%w)", ErrNoKey, err)
	}
	return string(secret), nil
}
