package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"carbonledger/node/datadir"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"
	"carbonledger/tx/limited"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Where a passphrase may come from instead of the terminal: files that flags
// name, and environment variables for services.
const (
	passphraseFlag        = "passphrase-file"
	passphraseVariable    = "CARBONLEDGER_PASSPHRASE"
	newPassphraseFlag     = "new-passphrase-file"
	newPassphraseVariable = "CARBONLEDGER_NEW_PASSPHRASE"
)

// readPassphrase takes a passphrase from --passphrase-file, from the
// environment, or from the terminal, twice where confirm asks for it.
func readPassphrase(cmd *cobra.Command, what string, confirm bool) (string, error) {
	return readPassphraseFrom(cmd, passphraseFlag, passphraseVariable, "the passphrase of "+what, confirm)
}

func readPassphraseFrom(cmd *cobra.Command, flag, variable, what string, confirm bool) (string, error) {
	if f := cmd.Flags().Lookup(flag); f != nil && f.Value.String() != "" {
		b, err := limited.ReadFile(f.Value.String(), limited.MaxSecretBytes)
		if err != nil {
			return "", fmt.Errorf("read %s: %w", what, err)
		}
		return notEmpty(strings.TrimRight(string(b), "\r\n"), what)
	}
	if s, ok := os.LookupEnv(variable); ok {
		return notEmpty(s, what)
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", usage(fmt.Errorf("%s is needed and there is no terminal: give --%s, or set %s", what, flag, variable))
	}
	first, err := ask(cmd.Context(), cmd.ErrOrStderr(), in, strings.ToUpper(what[:1])+what[1:]+": ")
	if err != nil {
		return "", err
	}
	if confirm {
		second, err := ask(cmd.Context(), cmd.ErrOrStderr(), in, "The same again: ")
		if err != nil {
			return "", err
		}
		if first != second {
			return "", errors.New("the two passphrases differ: nothing was written")
		}
	}
	return notEmpty(first, what)
}

// ask reads a line without showing it. Ctrl-C ends it, and leaves the terminal
// as it was.
func ask(ctx context.Context, to io.Writer, in *os.File, prompt string) (string, error) {
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	fmt.Fprint(to, prompt)
	go func() {
		line, err := term.ReadPassword(int(in.Fd()))
		answers <- answer{line, err}
	}()
	select {
	case a := <-answers:
		fmt.Fprintln(to)
		if a.err != nil {
			return "", fmt.Errorf("read the passphrase: %w", a.err)
		}
		return string(a.line), nil
	case <-ctx.Done():
		// The reader stays behind; the process ends soon.
		fmt.Fprintln(to)
		return "", errors.Join(errors.New("interrupted: nothing was done"), term.Restore(int(in.Fd()), before))
	}
}

func notEmpty(s, what string) (string, error) {
	if s == "" {
		return "", usage(fmt.Errorf("%s is empty", what))
	}
	return s, nil
}

// nodePassphrase asks only if the node's keys need one.
func nodePassphrase(cmd *cobra.Command, dir string) (string, error) {
	if _, err := datadir.ReadLine(dir); err != nil {
		return "", err
	}
	protected, err := datadir.Protected(dir)
	if err != nil || !protected {
		return "", err
	}
	return readPassphrase(cmd, "the keys in "+dir, false)
}

// openKey reads a key file and asks for its passphrase if it has one.
func openKey(cmd *cobra.Command, path string) (key tx.PrivateKey, err error) {
	protected, err := keyfile.Protected(path)
	if err != nil {
		return key, err
	}
	passphrase := ""
	if protected {
		if passphrase, err = readPassphrase(cmd, path, false); err != nil {
			return key, err
		}
	}
	return keyfile.Read(path, passphrase)
}

// addPassphraseFlags are those of a command that writes a protected key.
func addPassphraseFlags(cmd *cobra.Command, o *keyfile.Options) {
	cmd.Flags().String(passphraseFlag, "", "file with the passphrase (else "+passphraseVariable+", else it is asked for)")
	cmd.Flags().IntVar(&o.WorkFactor, "work-factor", 0, "log2 of the work that each guess of the passphrase costs (default 18, about a second)")
}
