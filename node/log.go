package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"carbonledger/node/api"
	"carbonledger/node/publish"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// openLog listens where the log is to be served.
func (n *Node) openLog(f *tx.Founding) (err error) {
	switch {
	case n.config.LogListen == "":
		return nil
	case f.LogOrigin == "":
		return errors.New("node: --log-listen: the genesis document of this network names no log: leave the flag out")
	}
	n.logListener, err = net.Listen("tcp", n.config.LogListen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("node: %s is in use: stop the other program, or choose another address with --log-listen", n.config.LogListen)
	}
	if err != nil {
		return fmt.Errorf("node: listen on %s: %w", n.config.LogListen, err)
	}
	if n.config.TLSCert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(n.config.TLSCert, n.config.TLSKey)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	n.logListener = tls.NewListener(n.logListener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13})
	return nil
}

// startPublisher begins this validator's part in the log.
func (n *Node) startPublisher(f *tx.Founding) (err error) {
	if f.LogOrigin == "" {
		if n.config.Archive != "" {
			return errors.New("node: --archive: the genesis document of this network names no log: leave the flag out")
		}
		return nil
	}
	timing := publish.DefaultTiming
	if n.config.Profile == "loopback" {
		timing = publish.LoopbackTiming
	}
	n.publisher, err = publish.Start(publish.Config{
		Name: n.dir.Name(), Origin: f.LogOrigin, LogKey: f.LogKey, OriginKey: n.dir.OriginKey(), CosignKey: n.dir.CosignKey(),
		Signer: n.dir.Signer(), Checkpoint: n.dir.Checkpoint(), Evidence: n.dir.Evidence(), StateDir: n.dir.State(),
		Archive: n.config.Archive, ArchiveToken: n.config.ArchiveTokenFile,
		Network: n.host, Ledger: n.consensus.Ledger, Agreed: n.consensus.AgreedHeight,
		Leads:  n.consensus.Leads,
		Fail:   n.fail,
		Unfit:  n.consensus.SetUnfit,
		Timing: timing, Now: time.Now, Logger: n.log,
	})
	if err != nil || n.logListener == nil {
		return err
	}
	n.logPages = &http.Server{
		Handler:           n.publisher.Handler(&publish.Tokens{Path: n.config.LogTokens}),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	return nil
}

func (n *Node) serveLog() {
	if n.logPages == nil {
		return
	}
	if err := n.logPages.Serve(n.logListener); !errors.Is(err, http.ErrServerClosed) {
		n.log.Error("node: the log's server ended", "error", err)
	}
}

// stopLog ends publication before consensus ends.
func (n *Node) stopLog() (err error) {
	if n.logPages != nil {
		err = n.logPages.Close()
	}
	if n.publisher != nil {
		n.publisher.Stop()
	}
	return err
}

// LogAddress is host:port of the log, empty for none.
func (n *Node) LogAddress() string {
	if n.logListener == nil {
		return ""
	}
	return n.logListener.Addr().String()
}

func (n *Node) logStatus() (s api.LogStatus) {
	if n.publisher == nil {
		return s
	}
	p := n.publisher.Status()
	s = api.LogStatus{
		Size_: p.Size, Cosigned: p.Cosigned, Problem: p.Problem, Scrubbed: p.Scrubbed, Repaired: p.Repaired,
		EntriesFrom: p.EntriesFrom, Archive: p.Archive, ArchiveProblem: p.ArchiveProblem,
		ComparedHeight: p.Compared.Height, ComparedAlike: p.Compared.Alike, ComparedDiffering: p.Compared.Differing,
	}
	if !p.At.IsZero() {
		s.Published = tx.Instant(p.At.UnixMilli())
	}
	if !p.Passed.IsZero() {
		s.Passed = tx.Instant(p.Passed.UnixMilli())
	}
	return s
}

// Proof shows an entry's place in the log under the newest checkpoint.
func (b *backend) Proof(ctx context.Context, index uint64) (*proof.Receipt, error) {
	p := b.n.publisher
	if p == nil {
		return nil, errors.New("this network publishes no log")
	}
	if err := p.Wait(ctx, index+1); err != nil {
		return nil, fmt.Errorf("no checkpoint covers the entry %d yet: %w", index, err)
	}
	// First the checkpoint: a view has all that was published before it.
	c, signed := p.Newest()
	v, err := b.n.consensus.Ledger().View()
	if err != nil {
		return nil, err
	}
	r := &proof.Receipt{Index: index, Checkpoint: signed}
	r.Path, err = proof.Inclusion(index, c.Size, v.Nodes)
	return r, errors.Join(err, v.Entries(index, index+1, func(_ uint64, entry []byte) error {
		r.Record = append(r.Record, entry...)
		return nil
	}), v.Close())
}
