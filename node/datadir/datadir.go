package datadir

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"carbonledger/tx"
	"carbonledger/tx/durable"
	"carbonledger/tx/keyfile"
)

const (
	lineFile        = "validator"
	incarnationFile = "incarnation"
	nodeKeyFile     = "node.key"
	cosignKeyFile   = "cosign.key"
	originKeyFile   = "origin.key"
	signerFile      = "signer"
	genesisFile     = "genesis.toml"
	lockFile        = "lock"
)

// Options of Create.
type Options struct {
	Name, Site string
	// P2PAddress is the multiaddr under which the peers reach the node.
	P2PAddress string
	Passphrase string
	// Keys says how the key files are protected.
	Keys keyfile.Options
}

// Create makes a data directory with a random incarnation and new keys, and
// returns the validator that it is. The directory must not exist, or be empty.
// A crash before the public line is written leaves a directory that Open
// refuses and that is to be removed.
func Create(dir string, o Options) (tx.Validator, error) {
	v := tx.Validator{Name: o.Name, Site: o.Site, Address: o.P2PAddress}
	if err := makeEmpty(dir); err != nil {
		return v, err
	}
	incarnation := make([]byte, 32)
	if _, err := rand.Read(incarnation); err != nil {
		return v, fmt.Errorf("datadir: read randomness: %w", err)
	}
	sum := sha256.Sum256(incarnation)
	v.IncarnationSha256 = sum[:]
	if err := durable.Create(filepath.Join(dir, incarnationFile), incarnation, 0o600); err != nil {
		return v, fmt.Errorf("datadir: %w", err)
	}
	for _, k := range []struct {
		file   string
		public *[]byte
	}{{nodeKeyFile, &v.NodeKey}, {cosignKeyFile, &v.CosignKey}} {
		key, err := tx.GenerateKey(tx.Ed25519, rand.Reader)
		if err != nil {
			return v, err
		}
		if err := keyfile.Write(filepath.Join(dir, k.file), key, o.Passphrase, o.Keys); err != nil {
			return v, err
		}
		*k.public = key.Public().Key
	}
	// What this validator cosigned last: nothing yet. The file belongs in no
	// backup (see package publish).
	if err := durable.Create(filepath.Join(dir, signerFile), []byte(NewSigner), 0o600); err != nil {
		return v, fmt.Errorf("datadir: %w", err)
	}
	line := FormatLine(v)
	if _, err := ParseLine(line); err != nil {
		return v, err
	}
	if err := durable.Create(filepath.Join(dir, lineFile), []byte(line+"\n"), 0o600); err != nil {
		return v, fmt.Errorf("datadir: %w", err)
	}
	// The operator sends the line away: after this it survives a power cut.
	if err := durable.SyncDirectory(filepath.Dir(filepath.Clean(dir))); err != nil {
		return v, fmt.Errorf("datadir: %w", err)
	}
	return v, nil
}

// NewSigner is the content of the signer file of a validator that has cosigned
// nothing yet.
const NewSigner = "new\n"

func makeEmpty(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("datadir: %s is not empty: a node's identity is never overwritten; choose another directory", dir)
	}
	// One that was there before may be open to others.
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	return nil
}

// ReadLine reads the validator that a directory is, without its secrets.
func ReadLine(dir string) (tx.Validator, error) {
	b, err := os.ReadFile(filepath.Join(dir, lineFile))
	if errors.Is(err, fs.ErrNotExist) {
		return tx.Validator{}, fmt.Errorf("datadir: %s is no validator's data directory: make one with \"carbonledger init node --dir %s\"", dir, dir)
	}
	if err != nil {
		return tx.Validator{}, fmt.Errorf("datadir: %w", err)
	}
	v, err := ParseLine(strings.TrimSpace(string(b)))
	if err != nil {
		return v, fmt.Errorf("datadir: %s: %w", filepath.Join(dir, lineFile), err)
	}
	return v, nil
}

// CosignKeyFile is the file with the directory's cosigning key. It may be read
// while a node uses the directory.
func CosignKeyFile(dir string) string { return filepath.Join(dir, cosignKeyFile) }

// Protected reports whether the directory's keys need a passphrase.
func Protected(dir string) (bool, error) { return keyfile.Protected(filepath.Join(dir, nodeKeyFile)) }

// Dir is a data directory in use. Only one process has it at a time.
type Dir struct {
	path         string
	lock         *os.File
	validator    tx.Validator
	incarnation  [32]byte
	node, cosign ed25519.PrivateKey
	origin       ed25519.PrivateKey // nil: there is no such file
}

// Open takes the directory's lock and reads its identity. The caller closes it.
func Open(dir, passphrase string) (*Dir, error) {
	v, err := ReadLine(dir)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: dir, validator: v}
	if err := d.takeLock(); err != nil {
		return nil, err
	}
	if err := d.readIdentity(passphrase); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Hold takes the directory's lock without its keys. The caller closes it.
func Hold(dir string) (*Dir, error) {
	v, err := ReadLine(dir)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: dir, validator: v}
	return d, d.takeLock()
}

// takeLock holds a lock that ends with the process. The file says whose it is.
func (d *Dir) takeLock() error {
	path := filepath.Join(d.path, lockFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return errors.Join(fmt.Errorf("datadir: lock %s: %w", path, err), f.Close())
		}
		// Empty for the moment between its lock and its number.
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		return errors.Join(fmt.Errorf("datadir: %s is in use by process %s: stop that node first", d.path, strings.TrimSpace(string(holder))), f.Close())
	}
	err = errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid())+"\n"))
	if err != nil {
		return errors.Join(fmt.Errorf("datadir: write %s: %w", path, err), f.Close())
	}
	d.lock = f
	return nil
}

// Inspect keeps nodes out of a directory, or of a copy of one, while somebody reads
// it. It changes nothing there; the caller closes it.
func Inspect(dir string) (io.Closer, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(nil), nil // no node ever ran here
	}
	if err != nil {
		return nil, fmt.Errorf("datadir: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("datadir: lock %s: %w", path, err), f.Close())
		}
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		return nil, errors.Join(fmt.Errorf("datadir: %s is in use by process %s: stop that node, or ask it: give the address of its API in place of its directory", dir, strings.TrimSpace(string(holder))), f.Close())
	}
	return f, nil
}

// StateDir is the directory of the ledger's stores in a data directory.
func StateDir(dir string) string { return filepath.Join(dir, "state") }

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

func (d *Dir) readIdentity(passphrase string) error {
	b, err := os.ReadFile(filepath.Join(d.path, incarnationFile))
	if err != nil {
		return fmt.Errorf("datadir: %w", err)
	}
	sum := sha256.Sum256(b)
	if len(b) != 32 || string(sum[:]) != string(d.validator.IncarnationSha256) {
		return fmt.Errorf("datadir: %s does not fit the public line beside it: restore both, or make a new directory with init node and have it admitted", filepath.Join(d.path, incarnationFile))
	}
	copy(d.incarnation[:], b)
	for _, k := range []struct {
		file   string
		public []byte
		into   *ed25519.PrivateKey
	}{{nodeKeyFile, d.validator.NodeKey, &d.node}, {cosignKeyFile, d.validator.CosignKey, &d.cosign}} {
		path := filepath.Join(d.path, k.file)
		key, err := keyfile.Read(path, passphrase)
		if err != nil {
			return err
		}
		if string(key.Public().Key) != string(k.public) {
			return fmt.Errorf("datadir: %s is not the key of the public line beside it", path)
		}
		*k.into = ed25519.NewKeyFromSeed(key.Secret())
	}
	key, err := keyfile.Read(OriginKeyFile(d.path), passphrase)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if key.Public().Scheme != tx.Ed25519 {
		return fmt.Errorf("datadir: %s is no Ed25519 key", OriginKeyFile(d.path))
	}
	d.origin = ed25519.NewKeyFromSeed(key.Secret())
	return nil
}

// OriginKeyFile is the file with the log's own key, the same on every validator.
func OriginKeyFile(dir string) string { return filepath.Join(dir, originKeyFile) }

// Path of the directory.
func (d *Dir) Path() string { return d.path }

// Name of the validator.
func (d *Dir) Name() string { return d.validator.Name }

// P2PAddress is the multiaddr of the public line.
func (d *Dir) P2PAddress() string { return d.validator.Address }

// Validator is the one that the public line describes.
func (d *Dir) Validator() tx.Validator { return d.validator }

// Incarnation is random and secret; its SHA-256 is public.
func (d *Dir) Incarnation() [32]byte { return d.incarnation }

// NodeKey is the p2p identity and the signer of attestations.
func (d *Dir) NodeKey() ed25519.PrivateKey { return d.node }

// CosignKey signs checkpoints.
func (d *Dir) CosignKey() ed25519.PrivateKey { return d.cosign }

// OriginKey is the log's own key, nil where the directory has none.
func (d *Dir) OriginKey() ed25519.PrivateKey { return d.origin }

// Signer is the file with what this validator cosigned last; Checkpoint the one
// with the newest checkpoint that it published.
func (d *Dir) Signer() string     { return filepath.Join(d.path, signerFile) }
func (d *Dir) Checkpoint() string { return filepath.Join(d.path, "checkpoint") }

// Evidence is a directory for what contradicts this validator's log.
func (d *Dir) Evidence() string { return filepath.Join(d.path, "evidence") }

// Genesis is where the genesis document is looked for.
func (d *Dir) Genesis() string { return filepath.Join(d.path, genesisFile) }

// State, RaftLog and Snapshots are directories of the node's stores.
func (d *Dir) State() string     { return StateDir(d.path) }
func (d *Dir) RaftLog() string   { return filepath.Join(d.path, "raft") }
func (d *Dir) Snapshots() string { return filepath.Join(d.path, "snapshots") }

// Close gives the lock back.
func (d *Dir) Close() error {
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("datadir: close the lock: %w", err)
	}
	return nil
}
