package cli

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// progress is a bar on standard error where a person looks, and nothing else
// where a program does.
type progress struct{ bar *progressbar.ProgressBar }

func newProgress(cmd *cobra.Command, what string) *progress {
	to, ok := cmd.ErrOrStderr().(*os.File)
	if !ok || !term.IsTerminal(int(to.Fd())) {
		return &progress{}
	}
	return &progress{progressbar.NewOptions64(1, progressbar.OptionSetWriter(to), progressbar.OptionShowCount(),
		progressbar.OptionSetDescription(what), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))}
}

// seen says whether anybody sees the bar.
func (p *progress) seen() bool { return p.bar != nil }

// set moves the bar to done of all.
func (p *progress) set(done, all uint64) {
	if p.bar == nil {
		return
	}
	p.bar.ChangeMax64(int64(all))
	_ = p.bar.Set64(int64(done))
}

// describe says what the bar stands at.
func (p *progress) describe(what string) {
	if p.bar != nil {
		p.bar.Describe(what)
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
