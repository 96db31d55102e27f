package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"carbonledger/node/datadir"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// passphraseVariable may hold the passphrase, for services.
const passphraseVariable = "CARBONLEDGER_PASSPHRASE"

// readPassphrase takes a passphrase from --passphrase-file, from the
// environment, or from the terminal, twice where confirm asks for it.
func readPassphrase(cmd *cobra.Command, what string, confirm bool) (string, error) {
	if f := cmd.Flags().Lookup("passphrase-file"); f != nil && f.Value.String() != "" {
		b, err := os.ReadFile(f.Value.String())
		if err != nil {
			return "", fmt.Errorf("read the passphrase: %w", err)
		}
		return notEmpty(strings.TrimRight(string(b), "\r\n"), what)
	}
	if s, ok := os.LookupEnv(passphraseVariable); ok {
		return notEmpty(s, what)
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", usage(fmt.Errorf("the passphrase of %s is needed and there is no terminal: give --passphrase-file, or set %s", what, passphraseVariable))
	}
	first, err := ask(cmd.ErrOrStderr(), in, "Passphrase of "+what+": ")
	if err != nil || !confirm {
		return first, err
	}
	second, err := ask(cmd.ErrOrStderr(), in, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passphrases differ: nothing was written")
	}
	return notEmpty(first, what)
}

func ask(to io.Writer, in *os.File, prompt string) (string, error) {
	fmt.Fprint(to, prompt)
	b, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(to)
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	return string(b), nil
}

func notEmpty(s, what string) (string, error) {
	if s == "" {
		return "", usage(fmt.Errorf("the passphrase of %s is empty", what))
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
