package cli

import (
	"context"
	"errors"
	"fmt"

	"carbonledger/genesis"
	"carbonledger/node/api"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

// founding reads the genesis document that the flags name.
func (g *globals) founding() (tx.Founding, error) {
	if g.genesis == "" {
		return tx.Founding{}, usage(errors.New("give --genesis FILE: signatures name the network by its genesis document"))
	}
	d, err := genesis.Read(g.genesis)
	if err != nil {
		return tx.Founding{}, err
	}
	return d.Founding(), nil
}

// access is how a client reads.
type access int

const (
	anonymous access = iota
	// named signs requests with --key for --party: for what not everybody may
	// read.
	named
)

// client asks the nodes of --api. The caller closes it.
func (g *globals) client(cmd *cobra.Command, a access) (*api.Client, error) {
	c, err := g.clientConfig(cmd, a)
	if err != nil {
		return nil, err
	}
	return api.NewClient(c)
}

func (g *globals) clientConfig(cmd *cobra.Command, a access) (api.ClientConfig, error) {
	c := api.ClientConfig{Addresses: g.api, CAFile: g.ca, TLS: g.tls || g.ca != ""}
	if a == named {
		if g.party == "" || g.key == "" {
			return c, usage(errors.New("this is not for everybody to read: give --party, --key and --genesis"))
		}
		f, err := g.founding()
		if err != nil {
			return c, err
		}
		key, err := openKey(cmd, g.key)
		if err != nil {
			return c, err
		}
		c.Party, c.Key, c.Domain = g.party, &key, f.Hash
	}
	return c, nil
}

// patience is the time that --timeout gives.
func (g *globals) patience(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	return context.WithTimeout(cmd.Context(), g.timeout)
}

// asking runs f with a client and --timeout.
func (g *globals) asking(cmd *cobra.Command, a access, f func(context.Context, *api.Client) error) error {
	c, err := g.client(cmd, a)
	if err != nil {
		return err
	}
	ctx, cancel := g.patience(cmd)
	defer cancel()
	return errors.Join(f(ctx, c), c.Close())
}

// sameChain refuses to sign for one network and send to another.
func sameChain(ctx context.Context, c *api.Client, f *tx.Founding) error {
	s, err := c.Status(ctx, &api.StatusRequest{})
	if err != nil {
		return err
	}
	if string(s.Head.Chain.GenesisHash) != string(f.Hash[:]) {
		return fmt.Errorf("the node serves chain %s with genesis %x, your document is of chain %s with genesis %s: use the network's own document",
			s.Head.Chain.ChainId, s.Head.Chain.GenesisHash, f.ChainID, f.Hash)
	}
	return nil
}
