package cli

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"carbonledger/genesis"
	"carbonledger/node/publish"

	"github.com/spf13/cobra"
)

// newToken makes a token and the line by which a node knows it.
func newToken(name string) (token, line string) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, publish.TokenLine(name, token)
}

func newTokenCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "token NAME",
		Short: "Make an auditor's token for the entries of the log",
		Long: `Make a token for somebody who may read the log's entries, and the line with its
hash. The line goes into the file of --log-tokens of each node that is to answer;
it holds from the next request on, and no longer once it is removed. The token goes
to the auditor, and is kept nowhere here.`,
		Example: "  carbonledger token national-audit-office",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := genesis.CheckName(args[0]); err != nil {
				return usage(err)
			}
			token, line := newToken(args[0])
			if g.json {
				r := record{title: "token"}
				r.add("token", token)
				r.add("line", line[:len(line)-1])
				return r.print(cmd.OutOrStdout(), true)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", token)
			_, err2 := fmt.Fprintf(cmd.OutOrStdout(), "%s", line)
			return errors.Join(err, err2)
		},
	}
}
